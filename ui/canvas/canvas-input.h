/* Wheel, fingers, mouse and keys on the canvas.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ui/canvas/canvas.h"

void vel_canvas_add_input (VelCanvas *canvas);
