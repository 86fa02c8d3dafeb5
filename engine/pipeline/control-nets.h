/* The ControlNets of an engine: kept on its device while pictures ask for the same ones.
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/control/controlnet.h"
#include "engine/pipeline/model.h"

typedef struct VelControlNets VelControlNets;

/* Those of the data folder's "controlnets": files, and folders of diffusers'. Returns: (transfer full) (element-type utf8) paths */
GPtrArray *vel_control_nets_list (void);
/* name: a path, or a file's or folder's name there. Returns: (transfer full); NULL with VEL_ERROR_REQUEST naming what was looked for where
 */
char *vel_control_nets_find (const char *name, GError **error);

/* For the settings text of a picture: those that a request names, as A1111 does, "canny [d14c016b]", a line each. Returns: (transfer full) */
char *vel_control_nets_dup_titles (VelValues *request);

/* Returns: (transfer full) */
VelControlNets *vel_control_nets_new (void);
void vel_control_nets_free (VelControlNets *self);
/* What is wanted from now on; the others leave. names: (element-type VelControlWish), of whose models. Opens the files and loads nothing.
 * Returns: FALSE with an error of finding or opening one */
gboolean vel_control_nets_set (VelControlNets *self, GPtrArray *wishes, GCancellable *cancellable, GError **error);
/* Bytes that those that are wanted take in that type, and that those that are there take now. */
guint64 vel_control_nets_estimate (const VelControlNets *self, VelType type);
guint64 vel_control_nets_get_bytes (const VelControlNets *self);
/* Has them on the model's device, in the type of its UNet. key: as the model was loaded with.
 * Returns: FALSE with VEL_ERROR_FAMILY where one does not fit the model, any error of loading, or cancelled */
gboolean vel_control_nets_load (VelControlNets *self, VelDevice *device, const VelModel *model, VelModelKey key, GCancellable *cancellable,
                                GError **error);
/* After that: of the wish with this number. */
const VelControlNet *vel_control_nets_get (const VelControlNets *self, guint wish);
/* All leave the device; what is wanted stays so. */
void vel_control_nets_drop (VelControlNets *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VelControlNets, vel_control_nets_free)
