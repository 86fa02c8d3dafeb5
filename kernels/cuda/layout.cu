/* What only moves numbers.  SPDX-License-Identifier: Apache-2.0 */
#include "kernels/cuda/backend.cuh"
#include "kernels/cuda/by-type.cuh"

#define BLOCK 256
#define TILE 32

/* In units of `Unit`: sixteen bytes where everything is aligned to them, else single elements. */
template <typename Unit>
VEL_GLOBAL void
concat_kernel (const Unit *__restrict__ a, const Unit *__restrict__ b, Unit *out, size_t rows, unsigned a_width, unsigned b_width)
{
  size_t i = (size_t) blockIdx.x * blockDim.x + threadIdx.x, width = a_width + b_width;
  size_t row = i / width, column = i % width;

  if (row < rows)
    out[i] = column < a_width ? a[row * a_width + column] : b[row * b_width + column - a_width];
}

template <typename Unit>
static void
concat (VelBackend *backend, const VelConcatArgs *args, size_t per_unit)
{
  size_t a_width = args->a_channels / per_unit, b_width = args->b_channels / per_unit;
  dim3 grid ((unsigned) vel_divide_up (args->rows * (a_width + b_width), BLOCK));

  if (grid.x > 0)
    VEL_LAUNCH (concat_kernel<Unit>, grid, dim3 (BLOCK), 0, backend->stream, (const Unit *) args->a, (const Unit *) args->b,
                (Unit *) args->out, args->rows, (unsigned) a_width, (unsigned) b_width);
}

void
vel_cuda_concat (VelBackend *backend, const VelConcatArgs *args)
{
  size_t per_vec = 16 / vel_type_size (args->type);

  if (args->a_channels % per_vec == 0 && args->b_channels % per_vec == 0 && vel_is_aligned (args->a) && vel_is_aligned (args->b)
      && vel_is_aligned (args->out))
    concat<vec4> (backend, args, per_vec);
  else if (args->type == VEL_F32)
    concat<uint32_t> (backend, args, 1);
  else
    concat<uint16_t> (backend, args, 1);
}

/* Through shared memory, so that reads and writes both go along rows; one column more keeps the banks apart. */
template <typename Unit>
VEL_GLOBAL void
transpose_kernel (const Unit *__restrict__ x, Unit *out, size_t rows, size_t columns)
{
  VEL_SHARED (Unit, tile);
  size_t row = (size_t) blockIdx.x * TILE, column = (size_t) blockIdx.y * TILE, start = blockIdx.z * rows * columns;

  for (unsigned i = threadIdx.y; i < TILE; i += blockDim.y)
    if (row + i < rows && column + threadIdx.x < columns)
      tile[i * (TILE + 1) + threadIdx.x] = x[start + (row + i) * columns + column + threadIdx.x];
  __syncthreads ();
  for (unsigned i = threadIdx.y; i < TILE; i += blockDim.y)
    if (column + i < columns && row + threadIdx.x < rows)
      out[start + (column + i) * rows + row + threadIdx.x] = tile[threadIdx.x * (TILE + 1) + i];
}

template <typename Unit>
static void
transpose (VelBackend *backend, const VelTransposeArgs *args)
{
  /* The long side of a picture goes where a grid is long. */
  dim3 grid ((unsigned) vel_divide_up (args->rows, TILE), (unsigned) vel_divide_up (args->columns, TILE), (unsigned) args->batch);

  VEL_LAUNCH (transpose_kernel<Unit>, grid, dim3 (TILE, 8), TILE * (TILE + 1) * sizeof (Unit), backend->stream, (const Unit *) args->x,
              (Unit *) args->out, args->rows, args->columns);
}

/* [few rows, many columns]: a grid's second side is at most 65535 long. */
template <typename Unit>
VEL_GLOBAL void
transpose_wide_kernel (const Unit *__restrict__ x, Unit *out, size_t rows, size_t columns)
{
  size_t i = (size_t) blockIdx.x * blockDim.x + threadIdx.x, start = blockIdx.y * rows * columns;

  if (i < rows * columns)
    out[start + i] = x[start + i % rows * columns + i / rows];
}

template <typename Unit>
static void
transpose_any (VelBackend *backend, const VelTransposeArgs *args)
{
  dim3 grid ((unsigned) vel_divide_up (args->rows * args->columns, BLOCK), (unsigned) args->batch);

  if (vel_divide_up (args->columns, TILE) <= 65535)
    transpose<Unit> (backend, args);
  else
    VEL_LAUNCH (transpose_wide_kernel<Unit>, grid, dim3 (BLOCK), 0, backend->stream, (const Unit *) args->x, (Unit *) args->out,
                args->rows, args->columns);
}

void
vel_cuda_transpose (VelBackend *backend, const VelTransposeArgs *args)
{
  if (args->batch * args->rows * args->columns == 0)
    return;
  if (args->type == VEL_F32)
    transpose_any<uint32_t> (backend, args);
  else
    transpose_any<uint16_t> (backend, args);
}

struct Axes {
  size_t size[5];
  ptrdiff_t strides[5];
  float scale, shift;
};

template <typename From, typename To>
VEL_GLOBAL void
rearrange_kernel (const From *__restrict__ x, To *out, Axes axes, size_t count)
{
  size_t i = (size_t) blockIdx.x * blockDim.x + threadIdx.x, rest = i;
  ptrdiff_t at = 0;

  if (i >= count)
    return;
  VEL_UNROLL
  for (int axis = 4; axis >= 0; axis--) {
    at += (ptrdiff_t) (rest % axes.size[axis]) * axes.strides[axis];
    rest /= axes.size[axis];
  }
  out[i] = from_float<To> (add_rounded (multiply_rounded (axes.scale, to_float (x[at])), axes.shift));
}

void
vel_cuda_rearrange (VelBackend *backend, const VelRearrangeArgs *args)
{
  Axes axes;
  size_t count = 1;

  for (int i = 0; i < 5; i++) {
    axes.size[i] = args->size[i];
    axes.strides[i] = args->strides[i];
    count *= args->size[i];
  }
  axes.scale = args->scale;
  axes.shift = args->shift;
  if (count == 0)
    return;
  vel_by_type (args->from, [=] (auto from) {
    vel_by_type (args->to, [=] (auto to) {
      typedef typename decltype (from)::Is From;
      typedef typename decltype (to)::Is To;
      VEL_LAUNCH ((rearrange_kernel<From, To>), dim3 ((unsigned) vel_divide_up (count, BLOCK)), dim3 (BLOCK), 0, backend->stream,
                  (const From *) args->x, (To *) args->out, axes, count);
    });
  });
}
