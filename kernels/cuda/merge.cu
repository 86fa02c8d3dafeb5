/* Low-rank changes of weights: all of a model in few launches.  SPDX-License-Identifier: Apache-2.0 */
#include "kernels/cuda/backend.cuh"
#include "kernels/cuda/by-type.cuh"

#define BLOCK 256
#define MAX_ENTRIES 24 /* of one launch: kernel parameters hold 4 KB */
#define SUM_BYTES ((size_t) 64 << 20) /* of scratch, for weights with several changes */

struct Term {
  const void *up, *down;
  VelType type;
  unsigned rank;
  float scale;
  size_t first, rows;
};

/* One term of one weight. The first term of a weight starts from the original; partial sums of several are kept in fp32. */
struct Entry {
  void *out;
  const void *original;
  float *sums; /* [rows, taps, in_padded] or NULL where one term is all */
  unsigned first_block, taps, in, in_padded, out_channels;
  size_t rows;
  bool gated, begins, ends;
  Term term;
};

struct Table {
  Entry entries[MAX_ENTRIES];
  unsigned n;
};

static VEL_DEVICE float
load_of (const void *data, VelType type, size_t i)
{
  return type == VEL_F32   ? ((const float *) data)[i]
         : type == VEL_F16 ? to_float (((const f16 *) data)[i])
                           : to_float (((const bf16 *) data)[i]);
}

/* One thread a number of the weight; a block belongs to one entry. */
template <typename T>
VEL_GLOBAL void
__launch_bounds__ (BLOCK)
merge_kernel (Table table)
{
  unsigned e = 0;
  size_t i, row, within, half;
  float sum;

  while (e + 1 < table.n && blockIdx.x >= table.entries[e + 1].first_block)
    e++;
  const Entry &entry = table.entries[e];
  size_t row_size = (size_t) entry.taps * entry.in_padded;

  i = (size_t) (blockIdx.x - entry.first_block) * BLOCK + threadIdx.x;
  if (i >= entry.rows * row_size)
    return;
  row = i / row_size;
  within = i % row_size;
  sum = entry.begins ? to_float (((const T *) entry.original)[i]) : entry.sums[i];
  half = entry.gated ? row / 16 * 8 + row % 8 : row;
  if (within % entry.in_padded < entry.in && half < entry.out_channels) {
    const Term &term = entry.term;
    size_t file_row = entry.gated && row % 16 >= 8 ? entry.out_channels + half : half;
    size_t column = within % entry.in_padded * entry.taps + within / entry.in_padded, columns = (size_t) entry.in * entry.taps;

    if (file_row >= term.first && file_row - term.first < term.rows) {
      size_t up_row = file_row - term.first;
      float product = term.rank > 0 ? 0 : load_of (term.up, term.type, up_row * columns + column);

      for (unsigned r = 0; r < term.rank; r++)
        product = fmaf (load_of (term.up, term.type, up_row * term.rank + r), load_of (term.down, term.type, r * columns + column), product);
      sum = fmaf (term.scale, product, sum);
    }
  }
  if (entry.ends)
    ((T *) entry.out)[i] = from_float<T> (sum);
  else
    entry.sums[i] = sum;
}

static unsigned
count_blocks (const VelPacked *weight)
{
  size_t taps = weight->kernel > 0 ? weight->kernel * weight->kernel : 1;

  return (unsigned) vel_divide_up (weight->rows * taps * weight->in_padded, BLOCK);
}

static void
launch (VelBackend *backend, VelType type, const Table *table, unsigned blocks)
{
  if (table->n > 0)
    vel_by_type (type, [=] (auto typed) {
      typedef typename decltype (typed)::Is T;
      Table copy = *table;

      VEL_LAUNCH (merge_kernel<T>, dim3 (blocks), dim3 (BLOCK), 0, backend->stream, copy);
    });
}

/* The k-th terms of all weights go together. */
static void
merge_level (VelBackend *backend, const VelMergeArgs *args, size_t n, unsigned level, VelType type, float *sums)
{
  Table table = {};
  unsigned blocks = 0;

  for (size_t i = 0; i < n; i++) {
    const VelPacked *weight = args[i].weight;
    size_t taps = weight->kernel > 0 ? weight->kernel * weight->kernel : 1, count = weight->rows * taps * weight->in_padded;
    float *own = sums;

    if (args[i].n > 1 && sums != NULL)
      sums += count;
    if (weight->type != type || level >= (args[i].n > 0 ? args[i].n : 1))
      continue;
    Entry &entry = table.entries[table.n++];

    entry = { weight->data, args[i].original->data, own, blocks, (unsigned) taps, (unsigned) weight->in, (unsigned) weight->in_padded,
              (unsigned) weight->out, weight->rows, weight->gated, level == 0, level + 1 >= args[i].n, {} };
    if (args[i].n > 0) {
      const VelMergeTerm *term = &args[i].terms[level];

      entry.term = { term->up, term->down, term->type, (unsigned) term->rank, (float) term->scale, term->first, term->rows };
    }
    blocks += count_blocks (weight);
    if (table.n == MAX_ENTRIES) {
      launch (backend, type, &table, blocks);
      table.n = blocks = 0;
    }
  }
  launch (backend, type, &table, blocks);
}

static size_t
sum_bytes (const VelMergeArgs *args)
{
  return args->n > 1 ? args->weight->bytes / vel_type_size (args->weight->type) * sizeof (float) : 0;
}

/* So many that their sums fit into a bounded scratch. Returns: how many were done */
static size_t
merge_some (VelBackend *backend, const VelMergeArgs *args, size_t n)
{
  static const VelType types[] = { VEL_F32, VEL_F16, VEL_BF16 };
  size_t bytes = sum_bytes (&args[0]), count = 1;
  unsigned levels = args[0].n;
  float *sums = NULL;

  for (; count < n && bytes + sum_bytes (&args[count]) <= SUM_BYTES; count++) {
    bytes += sum_bytes (&args[count]);
    levels = args[count].n > levels ? args[count].n : levels;
  }
  if (bytes > 0 && (sums = (float *) vel_cuda_scratch (backend, bytes)) == NULL) {
    for (size_t i = 0; i < count; i++)
      vel_cuda_give_up (backend, args[i].weight->type, args[i].weight->data,
                        args[i].weight->bytes / vel_type_size (args[i].weight->type));
    return count;
  }
  for (unsigned level = 0; level == 0 || level < levels; level++)
    for (unsigned i = 0; i < sizeof types / sizeof *types; i++)
      merge_level (backend, args, count, level, types[i], sums);
  return count;
}

void
vel_cuda_merge (VelBackend *backend, const VelMergeArgs *args, size_t n)
{
  for (size_t done = 0; done < n;)
    done += merge_some (backend, args + done, n - done);
}
