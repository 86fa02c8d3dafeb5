/* The names that a pickle may hold, and what they come to.  SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/formats/pickle.h"

/* What calling it with these arguments comes to. Returns: borrowed; NULL if it is never called with such */
typedef VelPickleValue *(*VelPickleMeaning) (VelPickle *pickle, const VelPickleGlobal *global, const VelPickleValue *arguments);

struct VelPickleGlobal {
  const char *module, *name;
  VelPickleMeaning call; /* NULL: only named, never called */
  const char *type;      /* of a storage's elements, or that a torch.dtype is; NULL for others */
};

/* (nullable): NULL for any that is not on the list */
const VelPickleGlobal *vel_pickle_global_find (const char *module, gsize module_length, const char *name, gsize name_length);
