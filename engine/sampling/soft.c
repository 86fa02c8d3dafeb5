/* Vectors of channels, mixed.  SPDX-License-Identifier: Apache-2.0 */
#include "engine/sampling/soft.h"

#include <math.h>

static float
length (const float *vector, gint64 channels)
{
  float square = 0;

  for (gint64 c = 0; c < channels; c++)
    square += vector[c] * vector[c];
  return sqrtf (square);
}

/* Lengths in double precision: their powers leave what single precision holds. */
static void
blend_vector (double boost, float share, const float *before, float *denoised, gint64 channels)
{
  double a = pow (length (before, channels), boost) * (1 - share), b = pow (length (denoised, channels), boost) * share;
  double wanted = pow (a + b, 1 / boost), own;

  for (gint64 c = 0; c < channels; c++)
    denoised[c] = before[c] * (1 - share) + denoised[c] * share;
  own = length (denoised, channels) + 0.00001;
  for (gint64 c = 0; c < channels; c++)
    denoised[c] *= (float) (wanted / own);
}

void
vel_soft_blend (const VelSoftness *self, double sigma, const float *repaint, const float *before, float *denoised, gint64 pixels,
                gint64 channels)
{
  float power = powf ((float) sigma, (float) self->bias) * (float) self->preservation;

  for (gint64 i = 0; i < pixels; i++)
    blend_vector (self->boost, powf (repaint[i], power), before + i * channels, denoised + i * channels, channels);
}
