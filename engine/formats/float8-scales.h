/* Scales beside 8-bit weights, as ComfyUI's "scaled_fp8" files have them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Beside NAME.weight there is NAME.scale_weight (in newer files NAME.weight_scale), one number: what was stored is the weight divided by
 * it. NAME.scale_input is for computing in 8 bits and changes nothing here; "scaled_fp8" and NAME.comfy_quant only say that it is so. */
#pragma once

#include "engine/formats/tensor-file.h"

/* The scale of a tensor of this name and type, or 0 if there is none.
 * Returns: FALSE with a translated phrase in `problem` if there is one that can not be used */
gboolean vel_float8_scale_find (VelTensorFile *file, const VelTensorEntry *entry, float *scale, const char **problem);
/* Whether a name is one of those that have had their effect once the weights were read. */
gboolean vel_float8_scale_is_name (const char *name);
