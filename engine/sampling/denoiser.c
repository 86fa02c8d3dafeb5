/* eps and v to denoised.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/sampling/denoiser.h"

#include <math.h>

VelTensor *
vel_denoiser_run (VelContext *ctx, const VelDenoiser *self, VelTensor *x, double sigma, const VelUNetText *text, VelTensor **raw)
{
  gint64 batch = x->shape.size[0];
  double c_in = 1 / sqrt (sigma * sigma + 1);
  double c_skip = self->prediction == VEL_PREDICTION_V ? c_in * c_in : 1;
  double c_out = self->prediction == VEL_PREDICTION_V ? -sigma * c_in : -sigma;
  float timestep = (float) self->levels->sigma_to_t (self->levels->model, sigma);
  g_autofree float *timesteps = g_new (float, batch);
  VelTensor *scaled, *output;

  for (gint64 i = 0; i < batch; i++)
    timesteps[i] = timestep;
  scaled = vel_op_combine (ctx, 1, &c_in, &x);
  output = vel_unet_forward (ctx, self->unet, scaled, timesteps, text);
  if (raw)
    *raw = output;
  return vel_op_combine (ctx, 2, (double[]) { c_skip, c_out }, (VelTensor *[]) { x, output });
}
