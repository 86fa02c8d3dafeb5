/* Facts of finished pictures.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/pipeline/facts.h"

#include "engine/catalog.h"

struct VelFacts {
  const VelResult *result;
  char *vae_hash, *embedding_hashes, *refiner; /* (nullable) */
};

VelFacts *
vel_facts_new (const VelResult *result, VelValues *request)
{
  VelFacts *self = g_new (VelFacts, 1);

  *self = (VelFacts){ result, vel_catalog_hash_vae (request), vel_catalog_hash_embeddings (request),
                      vel_catalog_dup_title (vel_values_get (request, "refiner")) };
  return self;
}

void
vel_facts_free (VelFacts *self)
{
  if (!self)
    return;
  g_free (self->vae_hash);
  g_free (self->embedding_hashes);
  g_free (self->refiner);
  g_free (self);
}

VelRecipeFacts
vel_facts_of (const VelFacts *self, const VelPicture *picture)
{
  return (VelRecipeFacts){ .seed = picture->seed,
                           .variation_seed = picture->variation_seed,
                           .width = picture->width,
                           .height = picture->height,
                           .painted_width = picture->painted_width,
                           .painted_height = picture->painted_height,
                           .model_name = self->result->model_name,
                           .model_hash = self->result->model_hash,
                           .vae_hash = self->vae_hash,
                           .embedding_hashes = self->embedding_hashes,
                           .refiner = self->refiner,
                           .version = "Velatura " VEL_VERSION };
}
