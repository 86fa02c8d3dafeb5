/* The names that a pickle may hold: those that torch.save and the trainers of Stable Diffusion models write, and no other.
 * SPDX-License-Identifier: Apache-2.0 */
#include "engine/formats/pickle-globals.h"

#include <string.h>

static VelPickleValue *
argument (const VelPickleValue *arguments, guint index, VelPickleKind kind)
{
  VelPickleValue *value = index < arguments->list.n ? arguments->list.items[index] : NULL;

  return value && value->kind == kind ? value : NULL;
}

/* A numpy scalar, a callback's state: present in files, of no use here. */
static VelPickleValue *
make_opaque (VelPickle *pickle, const VelPickleGlobal *global, const VelPickleValue *arguments)
{
  return vel_pickle_value (pickle, VEL_PICKLE_OPAQUE);
}

/* OrderedDict () or, as Python 2 wrote it, OrderedDict ([[key, value], …]) */
static VelPickleValue *
make_dict (VelPickle *pickle, const VelPickleGlobal *global, const VelPickleValue *arguments)
{
  VelPickleValue *dict = vel_pickle_value (pickle, VEL_PICKLE_DICT), *pairs = argument (arguments, 0, VEL_PICKLE_LIST);

  if (arguments->list.n > 1 || (arguments->list.n == 1 && !pairs))
    return NULL;
  for (guint i = 0; pairs && i < pairs->list.n; i++) {
    VelPickleValue *pair = pairs->list.items[i];

    if ((pair->kind != VEL_PICKLE_LIST && pair->kind != VEL_PICKLE_TUPLE) || pair->list.n != 2)
      return NULL;
    vel_pickle_append (pickle, dict, pair->list.items[0]);
    vel_pickle_append (pickle, dict, pair->list.items[1]);
  }
  return dict;
}

/* torch.Size ((2, 3)) */
static VelPickleValue *
make_size (VelPickle *pickle, const VelPickleGlobal *global, const VelPickleValue *arguments)
{
  return arguments->list.n == 1 ? argument (arguments, 0, VEL_PICKLE_TUPLE) : NULL;
}

/* Parameter (tensor, …) is that tensor. */
static VelPickleValue *
make_parameter (VelPickle *pickle, const VelPickleGlobal *global, const VelPickleValue *arguments)
{
  return argument (arguments, 0, VEL_PICKLE_TENSOR);
}

/* (storage, offset, shape, strides, …) */
static VelPickleValue *
make_tensor_of (VelPickle *pickle, const char *type, const VelPickleValue *arguments)
{
  const VelPickleValue *storage = argument (arguments, 0, VEL_PICKLE_STORAGE);
  VelPickleValue *tensor, *layout;

  if (!storage || !argument (arguments, 1, VEL_PICKLE_INTEGER) || !argument (arguments, 2, VEL_PICKLE_TUPLE) ||
      !argument (arguments, 3, VEL_PICKLE_TUPLE))
    return NULL;
  layout = vel_pickle_value (pickle, VEL_PICKLE_TUPLE);
  for (guint i = 1; i <= 3; i++)
    vel_pickle_append (pickle, layout, arguments->list.items[i]);
  tensor = vel_pickle_value (pickle, VEL_PICKLE_TENSOR);
  if (pickle->problem)
    return NULL;
  tensor->tensor.type = type ? type : storage->storage.type;
  tensor->tensor.storage = storage;
  tensor->tensor.layout = layout;
  return tensor;
}

/* Whether what torch adds for a conjugated or negated view is there: such a tensor's values are not those of its storage. */
static gboolean
is_transformed (const VelPickleValue *arguments, guint index)
{
  return index < arguments->list.n && (arguments->list.items[index]->kind != VEL_PICKLE_DICT || arguments->list.items[index]->list.n);
}

static VelPickleValue *
make_tensor (VelPickle *pickle, const VelPickleGlobal *global, const VelPickleValue *arguments)
{
  return is_transformed (arguments, 6) ? NULL : make_tensor_of (pickle, NULL, arguments);
}

/* (storage, offset, shape, strides, requires_grad, hooks, dtype, …): for types that have no storage class of their own */
static VelPickleValue *
make_typed_tensor (VelPickle *pickle, const VelPickleGlobal *global, const VelPickleValue *arguments)
{
  const VelPickleValue *dtype = argument (arguments, 6, VEL_PICKLE_GLOBAL);

  if (!dtype || !dtype->global || !dtype->global->type || is_transformed (arguments, 7))
    return NULL;
  return make_tensor_of (pickle, dtype->global->type, arguments);
}

/* (function, class, arguments, attributes): a tensor with attributes; what it does is call the function. */
static VelPickleValue *
make_derived (VelPickle *pickle, const VelPickleGlobal *global, const VelPickleValue *arguments)
{
  const VelPickleValue *function = argument (arguments, 0, VEL_PICKLE_GLOBAL), *inner = argument (arguments, 2, VEL_PICKLE_TUPLE);

  if (!function || !inner || !argument (arguments, 1, VEL_PICKLE_GLOBAL) || !function->global ||
      (function->global->call != make_tensor && function->global->call != make_typed_tensor && function->global->call != make_parameter))
    return NULL;
  return function->global->call (pickle, function->global, inner);
}

#define STORAGE(name, type)                                                                                                                \
  { "torch", name "Storage", NULL, type },                                                                                                 \
  {                                                                                                                                        \
    "torch.storage", name "Storage", NULL, type                                                                                            \
  }
#define DTYPE(name, type)                                                                                                                  \
  {                                                                                                                                        \
    "torch", name, NULL, type                                                                                                              \
  }

static const VelPickleGlobal globals[] = {
  { "collections", "OrderedDict", make_dict },
  { "builtins", "set", make_opaque },
  { "__builtin__", "set", make_opaque },
  { "torch.nn.modules.container", "ParameterDict", make_dict },

  { "torch._utils", "_rebuild_tensor", make_tensor },
  { "torch._utils", "_rebuild_tensor_v2", make_tensor },
  { "torch._utils", "_rebuild_tensor_v3", make_typed_tensor },
  { "torch._utils", "_rebuild_parameter", make_parameter },
  { "torch._utils", "_rebuild_parameter_with_state", make_parameter },
  { "torch._tensor", "_rebuild_from_type_v2", make_derived },
  { "torch.nn.parameter", "Parameter", make_parameter },
  { "torch", "Size", make_size },
  { "torch", "Tensor" },
  { "torch", "device", make_opaque },

  STORAGE ("Float", "F32"),
  STORAGE ("Half", "F16"),
  STORAGE ("BFloat16", "BF16"),
  STORAGE ("Double", "F64"),
  STORAGE ("Int", "I32"),
  STORAGE ("Long", "I64"),
  STORAGE ("Short", "I16"),
  STORAGE ("Char", "I8"),
  STORAGE ("Byte", "U8"),
  STORAGE ("Bool", "BOOL"),
  STORAGE ("ComplexFloat", "C64"),
  STORAGE ("ComplexDouble", "C128"),
  STORAGE ("Untyped", "U8"), /* bytes; the tensor says what they are */
  { "torch.storage", "TypedStorage" },
  { "torch.storage", "_TypedStorage" },

  DTYPE ("float32", "F32"),
  DTYPE ("float16", "F16"),
  DTYPE ("bfloat16", "BF16"),
  DTYPE ("float64", "F64"),
  DTYPE ("int32", "I32"),
  DTYPE ("int64", "I64"),
  DTYPE ("int16", "I16"),
  DTYPE ("int8", "I8"),
  DTYPE ("uint8", "U8"),
  DTYPE ("uint16", "U16"),
  DTYPE ("uint32", "U32"),
  DTYPE ("uint64", "U64"),
  DTYPE ("bool", "BOOL"),
  DTYPE ("complex64", "C64"),
  DTYPE ("complex128", "C128"),
  DTYPE ("float8_e4m3fn", "F8_E4M3"),
  DTYPE ("float8_e5m2", "F8_E5M2"),
  DTYPE ("float8_e4m3fnuz", "F8_E4M3FNUZ"),
  DTYPE ("float8_e5m2fnuz", "F8_E5M2FNUZ"),
  DTYPE ("float8_e8m0fnu", "F8_E8M0"),

  { "numpy.core.multiarray", "scalar", make_opaque },
  { "numpy.core.multiarray", "_reconstruct", make_opaque },
  { "numpy._core.multiarray", "scalar", make_opaque },
  { "numpy._core.multiarray", "_reconstruct", make_opaque },
  { "numpy", "dtype", make_opaque },
  { "numpy", "ndarray" },
  { "_codecs", "encode", make_opaque },
  { "torch._utils", "_rebuild_device_tensor_from_numpy", make_opaque },

  { "pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint", make_opaque },
  { "pytorch_lightning.callbacks", "model_checkpoint" },
};

const VelPickleGlobal *
vel_pickle_global_find (const char *module, gsize module_length, const char *name, gsize name_length)
{
  for (gsize i = 0; i < G_N_ELEMENTS (globals); i++)
    if (strlen (globals[i].module) == module_length && memcmp (globals[i].module, module, module_length) == 0 &&
        strlen (globals[i].name) == name_length && memcmp (globals[i].name, name, name_length) == 0)
      return &globals[i];
  return NULL;
}
