/* Prompts to terms of guidance.  SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "engine/pipeline/prompts.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

/* A sub-prompt, or the negative prompt. */
typedef struct {
  double weight;
  const VelTimeline *timeline;  /* of the plan */
  VelCondition **entries; /* of the timeline, borrowed */
} Part;

struct VelPrompts {
  double scale, image_scale;
  gboolean guided;
  VelPromptPlan *plan, *negative_plan; /* negative: only if it is guided */
  GArray *parts;                       /* (element-type Part), the negative one last if it is guided */
  GHashTable *encoded;                 /* what and how long, to VelCondition */
  GHashTable *bare;                    /* (nullable) of the negative part's conditions, to VelCondition: the same without a picture */
};

static void
clear_part (gpointer data)
{
  g_free (((Part *) data)->entries);
}

static void
free_condition (gpointer data)
{
  vel_condition_clear (data);
  g_free (data);
}

static guint
count_positive (const VelPrompts *self)
{
  return self->plan->parts->len;
}

/* The entries of one prompt are padded with empty chunks to the longest of them, as in the reference, which encodes them together. */
static guint
count_chunks (const VelConditioner *conditioner, const VelTimeline *timeline, gboolean *nothing)
{
  guint most = 1;

  *nothing = TRUE;
  for (guint i = 0; i < vel_timeline_get_length (timeline); i++) {
    g_autofree char *text = vel_timeline_dup_text (timeline, i);

    most = MAX (most, vel_conditioning_count (conditioner, text));
    *nothing = *nothing && *text == '\0';
  }
  return most;
}

/* Returns: borrowed, encoded now or before */
static VelCondition *
encode (VelContext *ctx, VelPrompts *self, const VelConditioner *conditioner, const VelPassage *passage)
{
  g_autofree char *key = g_strdup_printf ("%c%u:%s", passage->negative ? '-' : '+', passage->n_chunks, passage->text);
  VelCondition *condition = g_hash_table_lookup (self->encoded, key);

  if (condition)
    return condition;
  condition = g_new0 (VelCondition, 1);
  g_hash_table_insert (self->encoded, g_steal_pointer (&key), condition);
  condition->negative = passage->negative;
  vel_conditioning_encode (ctx, conditioner, passage, condition);
  return condition;
}

static void
add_part (VelContext *ctx, VelPrompts *self, const VelConditioner *conditioner, const VelPromptPart *planned, gboolean negative)
{
  guint n = vel_timeline_get_length (planned->timeline);
  Part part = { planned->weight, planned->timeline, g_new0 (VelCondition *, n) };
  VelPassage passage = { .negative = negative };

  passage.n_chunks = count_chunks (conditioner, planned->timeline, &passage.nothing);
  passage.nothing = passage.nothing && negative;
  for (guint i = 0; i < n && vel_context_ok (ctx); i++) {
    g_autofree char *text = vel_timeline_dup_text (planned->timeline, i);

    passage.text = text;
    passage.traced = i == 0 && (negative || self->parts->len == 0);
    part.entries[i] = encode (ctx, self, conditioner, &passage);
  }
  g_array_append_val (self->parts, part);
}

/* The last token's state again and again, as many as are missing. */
static void
pad_states (VelContext *ctx, VelCondition *condition, gint64 tokens)
{
  VelTensor *states = condition->states, *padded;
  gint64 has = states->shape.size[1], width = states->shape.size[2];
  g_autofree float *host = g_new (float, tokens * width);

  if (has == tokens)
    return;
  padded = vel_tensor_new (vel_context_get_device (ctx), VEL_F32, VEL_SHAPE (1, tokens, width));
  if (!padded) {
    vel_context_fail (ctx, VEL_ERROR_MEMORY, _ ("There is not enough memory for the prompt; close other programs"));
    return;
  }
  vel_tensor_download (states, host);
  for (gint64 i = has; i < tokens; i++)
    memcpy (host + i * width, host + (has - 1) * width, (gsize) width * sizeof *host);
  vel_tensor_upload (padded, host);
  vel_tensor_unref (states);
  condition->states = padded;
}

/* Sub-prompts get the length of the longest. */
static void
pad_parts (VelContext *ctx, VelPrompts *self)
{
  gint64 most = 0;

  for (guint i = 0; i < count_positive (self); i++)
    most = MAX (most, g_array_index (self->parts, Part, i).entries[0]->states->shape.size[1]);
  for (guint i = 0; i < count_positive (self); i++) {
    const Part *part = &g_array_index (self->parts, Part, i);

    for (guint k = 0; k < vel_timeline_get_length (part->timeline) && vel_context_ok (ctx); k++)
      pad_states (ctx, part->entries[k], most);
  }
}

static double
sum_weights (const VelPrompts *self)
{
  double sum = 0;

  for (guint i = 0; i < count_positive (self); i++)
    sum += g_array_index (self->plan->parts, VelPromptPart, i).weight;
  return sum;
}

/* Remarks are gone before all else. Other languages than A1111's have nothing that changes. */
static gboolean
read_plans (VelPrompts *self, VelPromptLanguage language, const VelPromptsAsked *asked, GError **error)
{
  g_autofree char *positive = vel_prompt_strip_remarks (asked->positive), *negative = vel_prompt_strip_remarks (asked->negative);
  gboolean still = language != VEL_PROMPT_A1111;

  self->plan = still ? vel_prompt_plan_new_still (asked->positive, &asked->rules) : vel_prompt_plan_new (positive, &asked->rules, error);
  if (!self->plan)
    return FALSE;
  self->guided = asked->always_guided || fabs (1 - asked->scale * sum_weights (self)) > 1e-9;
  if (self->guided)
    self->negative_plan = still ? vel_prompt_plan_new_still (asked->negative, &asked->rules)
                                : vel_prompt_plan_new_negative (negative, &asked->rules);
  return TRUE;
}

VelPrompts *
vel_prompts_new (VelContext *ctx, const VelConditioner *conditioner, const VelPromptsAsked *asked, GError **error)
{
  g_autoptr (VelPrompts) self = g_new0 (VelPrompts, 1);

  self->scale = asked->scale;
  self->parts = g_array_new (FALSE, FALSE, sizeof (Part));
  g_array_set_clear_func (self->parts, clear_part);
  self->encoded = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, free_condition);
  if (!read_plans (self, conditioner->language, asked, error))
    return NULL;
  for (guint i = 0; i < self->plan->parts->len; i++)
    add_part (ctx, self, conditioner, &g_array_index (self->plan->parts, VelPromptPart, i), FALSE);
  if (self->guided)
    add_part (ctx, self, conditioner, &g_array_index (self->negative_plan->parts, VelPromptPart, 0), TRUE);
  if (vel_context_ok (ctx))
    pad_parts (ctx, self);
  return vel_context_check (ctx, error) ? g_steal_pointer (&self) : NULL;
}

void
vel_prompts_free (VelPrompts *self)
{
  if (!self)
    return;
  g_array_unref (self->parts);
  g_hash_table_unref (self->encoded);
  g_clear_pointer (&self->bare, g_hash_table_unref);
  g_clear_pointer (&self->plan, vel_prompt_plan_free);
  g_clear_pointer (&self->negative_plan, vel_prompt_plan_free);
  g_free (self);
}

gboolean
vel_prompts_are_guided (const VelPrompts *self)
{
  return self->guided;
}

const GPtrArray *
vel_prompts_get_networks (const VelPrompts *self)
{
  return self->plan->networks;
}

void
vel_prompts_set_extra (VelPrompts *self, VelTensor *extra, VelTensor *none, double image_scale)
{
  const Part *negative = &g_array_index (self->parts, Part, self->parts->len - 1);
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, self->encoded);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    ((VelCondition *) value)->extra = vel_tensor_ref (extra);
  if (!none || !self->guided)
    return;
  self->image_scale = image_scale;
  self->bare = g_hash_table_new_full (NULL, NULL, NULL, free_condition);
  for (guint i = 0; i < vel_timeline_get_length (negative->timeline); i++) {
    const VelCondition *with = negative->entries[i];
    VelCondition *without = g_new0 (VelCondition, 1);

    without->negative = with->negative;
    without->states = vel_tensor_ref (with->states);
    without->vector = with->vector ? vel_tensor_ref (with->vector) : NULL;
    without->extra = vel_tensor_ref (none);
    g_hash_table_replace (self->bare, (gpointer) with, without);
  }
}

static unsigned
count_terms (const VelPrompts *self)
{
  return self->parts->len + (self->bare != NULL);
}

void
vel_prompts_change (unsigned evaluation, const VelCondition **conditions, gpointer data)
{
  const VelPrompts *self = data;

  for (guint i = 0; i < self->parts->len; i++) {
    const Part *part = &g_array_index (self->parts, Part, i);

    conditions[i] = part->entries[vel_timeline_find (part->timeline, evaluation)];
  }
  if (self->bare)
    conditions[self->parts->len] = g_hash_table_lookup (self->bare, conditions[self->parts->len - 1]);
}

VelTerm *
vel_prompts_dup_terms (const VelPrompts *self, unsigned *n)
{
  VelTerm *terms = g_new0 (VelTerm, count_terms (self));
  g_autofree const VelCondition **conditions = g_new (const VelCondition *, count_terms (self));
  double whole = self->scale * sum_weights (self);

  *n = count_terms (self);
  vel_prompts_change (0, conditions, (gpointer) self);
  for (guint i = 0; i < count_positive (self); i++)
    terms[i].weight = self->scale * g_array_index (self->parts, Part, i).weight;
  /* bare + image (uncond - bare) + the sum of scale weight (cond - uncond), where uncond is all there is if there is no bare */
  if (self->guided)
    terms[self->parts->len - 1].weight = (self->bare ? self->image_scale : 1) - whole;
  if (self->bare)
    terms[self->parts->len].weight = 1 - self->image_scale;
  for (unsigned i = 0; i < *n; i++)
    terms[i].condition = conditions[i];
  return terms;
}
