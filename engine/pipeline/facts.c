/* Facts of finished pictures.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/pipeline/facts.h"

#include "engine/catalog.h"
#include "engine/lora/files.h"
#include "engine/pipeline/control-nets.h"

struct VelFacts {
  const VelResult *result;
  char *vae_hash, *embedding_hashes, *refiner; /* (nullable) */
  char *controls;
  GPtrArray *lora_hashes, *lora_tags;          /* (element-type utf8) (nullable) of each picture: choices in prompts may hold tags */
};

VelFacts *
vel_facts_new (const VelResult *result, VelValues *request)
{
  VelFacts *self = g_new (VelFacts, 1);

  *self = (VelFacts){ result, vel_catalog_hash_vae (request), vel_catalog_hash_embeddings (request),
                      vel_catalog_dup_title (vel_values_get (request, "refiner")), vel_control_nets_dup_titles (request), g_ptr_array_new_with_free_func (g_free),
                      g_ptr_array_new_with_free_func (g_free) };
  for (guint i = 0; i < result->pictures->len; i++) {
    const VelPicture *picture = result->pictures->pdata[i];
    VelValues *painted = picture->request ? picture->request : request;
    gboolean known = i > 0 && !picture->request && !((const VelPicture *) result->pictures->pdata[i - 1])->request;

    /* Looking for files reads folders: once for all pictures of one request. */
    g_ptr_array_add (self->lora_hashes, known ? g_strdup (self->lora_hashes->pdata[i - 1]) : vel_loras_hash (painted));
    g_ptr_array_add (self->lora_tags, known ? g_strdup (self->lora_tags->pdata[i - 1]) : vel_loras_dup_tags (painted));
  }
  return self;
}

void
vel_facts_free (VelFacts *self)
{
  if (!self)
    return;
  g_ptr_array_unref (self->lora_hashes);
  g_ptr_array_unref (self->lora_tags);
  g_free (self->vae_hash);
  g_free (self->embedding_hashes);
  g_free (self->refiner);
  g_free (self->controls);
  g_free (self);
}

VelRecipeFacts
vel_facts_of (const VelFacts *self, const VelPicture *picture)
{
  guint index;

  if (!g_ptr_array_find (self->result->pictures, picture, &index))
    g_assert_not_reached ();
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
                           .lora_hashes = self->lora_hashes->pdata[index],
                           .lora_tags = self->lora_tags->pdata[index],
                           .refiner = self->refiner,
                           .controls = self->controls,
                           .version = "Velatura " VEL_VERSION };
}
