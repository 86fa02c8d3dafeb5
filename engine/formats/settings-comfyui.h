/* ComfyUI's page, a workflow, as the graph it runs.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>

/* workflow: {"nodes": […], "links": […]} as it is saved. Values of kinds of nodes that are not known are left out.
 * Returns: (transfer full) (nullable): {"id": {"class_type": …, "inputs": {"name": value or ["id", output]}}}; NULL if it is no workflow */
json_t *vel_comfyui_from_workflow (const json_t *workflow);
