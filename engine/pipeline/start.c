/* Where sampling starts.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/pipeline/start.h"

#include <glib/gi18n-lib.h>
#include <math.h>

#include "engine/pipeline/room.h"
#include "engine/tensor/interpolate.h"

#define MOST_STEPS 10000u /* of a run of which only the last are taken */

#define MOST_STRENGTH 0.999  /* A1111's */

unsigned
vel_start_count (const VelRules *rules, VelReach reach)
{
  double strength = reach.strength;

  if (strength < 0 || (rules->over_picture == VEL_OVER_PICTURE_ALL && strength > 0.9999))
    return reach.steps;
  if (rules->over_picture != VEL_OVER_PICTURE_ALL && !reach.exact)
    return reach.steps;
  if (rules->over_picture != VEL_OVER_PICTURE_ALL)
    strength = MIN (strength, MOST_STRENGTH);
  return strength > 0 ? (unsigned) MIN (reach.steps / strength, MOST_STEPS) : MOST_STEPS;
}

/* How many of n steps are taken over a picture, the last ones. A1111 counts those that are left out from the steps it asked for, of which a
 * schedule may make a few more; DDIM's timesteps it counts from the other end. */
static unsigned
count_steps (const VelRules *rules, unsigned n, VelReach reach, gboolean own_timesteps)
{
  unsigned encoded = reach.exact ? reach.steps - 1 : (unsigned) (MIN (reach.strength, MOST_STRENGTH) * reach.steps);

  if (rules->over_picture == VEL_OVER_PICTURE_ALL)
    return MIN (reach.steps, n);
  if (rules->over_picture == VEL_OVER_PICTURE_SHARE && !reach.exact)
    return MIN ((unsigned) (n * reach.strength), n);
  return MIN (own_timesteps ? encoded + 1 : n - MIN (vel_start_count (rules, reach) - encoded - 1, n), n);
}

/* How much of a picture's latent is left at a noise level, in the sampler's scale. */
static double
keep_of (const VelSampler *sampler, double sigma)
{
  return sampler->flags & VEL_SAMPLER_VARIANCE_PRESERVING ? 1 / sqrt (1 + sigma * sigma) : 1;
}

static void
plan_noise (VelStart *self, const VelRules *rules, const VelSampler *sampler, double sigma_max, VelReach reach)
{
  gboolean picture = reach.strength >= 0;
  double sigma = self->noise_sigma;
  gboolean top = fabs (sigma - sigma_max) <= 1e-5 * MAX (sigma, sigma_max) || sigma > sigma_max;
  gboolean root = rules->start == VEL_SCALE_ROOT ? !picture : rules->start == VEL_SCALE_ROOT_AT_TOP && top;

  if (sampler->flags & VEL_SAMPLER_VARIANCE_PRESERVING)
    self->noise_scale = picture ? sigma / sqrt (1 + sigma * sigma) : 1; /* from noise alone these samplers start at unit variance */
  else
    self->noise_scale = root ? sqrt (1 + sigma * sigma) : sigma;
  if (picture)
    self->noise_scale = reach.noise * (self->noise_scale + reach.extra * keep_of (sampler, sigma));
}

gboolean
vel_start_plan (VelStart *self, const VelRules *rules, const VelSampler *sampler, GArray *sigmas, VelReach reach, double sigma_max,
                GError **error)
{
  const double *all = (const double *) (gpointer) sigmas->data;
  gboolean own_timesteps = sampler->flags & VEL_SAMPLER_OWN_TIMESTEPS;
  unsigned n = own_timesteps ? sigmas->len : sigmas->len - 1; /* steps of the full run */
  double last = all[sigmas->len - 1];
  unsigned run;

  *self = (VelStart) { all, sigmas->len - 1, all[0], 0, all[sigmas->len - (last == 0 ? 2 : 1)], all[0] };
  if (reach.strength >= 0) {
    run = count_steps (rules, n, reach, own_timesteps);
    if (own_timesteps)
      run = run > 2 ? run - 1 : 0; /* starts at timestep `run` of the rising list and visits those below it */
    if (run == 0) {
      g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST,
                   /* Translators: a sampler's name */
                   _ ("%s with %u steps at strength %g leaves nothing to do; raise the steps or the strength"), sampler->label, reach.steps,
                   reach.strength);
      return FALSE;
    }
    self->sigmas = all + sigmas->len - run - (own_timesteps ? 0 : 1);
    self->n_steps = own_timesteps ? run - 1 : run;
    self->noise_sigma = own_timesteps ? all[sigmas->len - 1 - run] : self->sigmas[0];
  }
  if (rules->path_of_run)
    self->highest = self->sigmas[0];
  plan_noise (self, rules, sampler, sigma_max, reach);
  return TRUE;
}

/* RGB bytes to -1..1, [1, H, W, 3] of the context. */
static VelTensor *
to_tensor (VelContext *ctx, const VelBitmap *rgb)
{
  VelTensor *image = vel_context_tensor (ctx, VEL_F32, VEL_SHAPE (1, rgb->height, rgb->width, 3));
  g_autofree float *host = g_new (float, vel_bitmap_bytes (rgb));

  for (gsize i = 0; i < vel_bitmap_bytes (rgb); i++)
    host[i] = (float) rgb->data[i] / 255 * 2 - 1;
  if (vel_context_ok (ctx))
    vel_tensor_upload (image, host);
  return image;
}

VelTensor *
vel_start_encode (VelContext *ctx, const VelVae *vae, const VelBitmap *image, double scale, GError **error)
{
  g_autoptr (VelTensor) latent = NULL;
  VelTensor *mean;

  if (!vel_vae_has_encoder (vae)) {
    g_set_error (error, VEL_ERROR, VEL_ERROR_REQUEST, _ ("This model's VAE has no encoder, so it can not start from a picture"));
    return NULL;
  }
  vel_context_open (ctx);
  mean = vel_room_encode (ctx, vae, to_tensor (ctx, image));
  latent = vel_tensor_new (vel_context_get_device (ctx), VEL_F32, mean->shape);
  if (!latent)
    vel_context_fail (ctx, VEL_ERROR_MEMORY, _ ("There is not enough memory for the start picture"));
  else
    vel_op_combine_into (ctx, latent, 1, &scale, &mean);
  vel_context_close (ctx, NULL);
  return vel_context_check (ctx, error) ? g_steal_pointer (&latent) : NULL;
}

VelTensor *
vel_start_stretch (VelContext *ctx, VelTensor *latent, gint64 height, gint64 width, GError **error)
{
  gint64 h = latent->shape.size[1], w = latent->shape.size[2], channels = latent->shape.size[3];
  g_autoptr (VelTensor) out = vel_tensor_new (vel_context_get_device (ctx), VEL_F32, VEL_SHAPE (1, height, width, channels));
  g_autofree float *host = g_malloc (latent->bytes), *stretched = NULL;

  if (!out)
    vel_context_fail (ctx, VEL_ERROR_MEMORY, _ ("There is not enough memory for the start picture"));
  if (!vel_context_check (ctx, error))
    return NULL;
  vel_tensor_download (latent, host);
  stretched = vel_interpolate (host, h, w, channels, height, width, VEL_INTERPOLATE_BILINEAR, FALSE);
  vel_tensor_upload (out, stretched);
  return g_steal_pointer (&out);
}

void
vel_start_mix (VelContext *ctx, const VelStart *self, const VelSampler *sampler, VelTensor *x, VelTensor *noise, VelTensor *latent)
{
  double keep = keep_of (sampler, self->noise_sigma); /* of the latent */
  double add = self->noise_scale;                     /* of the noise */

  vel_context_open (ctx);
  for (gint64 i = 0; i < x->shape.size[0]; i++) {
    VelTensor *out = vel_context_slice (ctx, x, i, 1), *unit = vel_context_slice (ctx, noise, i, 1);
    VelTensor *own = latent ? vel_context_slice (ctx, latent, latent->shape.size[0] > 1 ? i : 0, 1) : NULL;

    if (own)
      vel_op_combine_into (ctx, out, 2, (double[]) { keep, add }, (VelTensor *[]) { own, unit });
    else
      vel_op_combine_into (ctx, out, 1, &add, &unit);
  }
  vel_context_close (ctx, NULL);
}
