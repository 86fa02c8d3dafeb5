/* A picture as it leaves the window.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ui/widgets/picture-drag.h"

GdkContentProvider *
vel_picture_drag_content (const char *path, GdkTexture *texture)
{
  GdkContentProvider *providers[2];
  gsize n = 0;

  if (path != NULL) {
    g_autoptr (GFile) file = g_file_new_for_path (path);
    GdkFileList *files = gdk_file_list_new_from_array (&file, 1);

    providers[n++] = gdk_content_provider_new_typed (GDK_TYPE_FILE_LIST, files);
    g_boxed_free (GDK_TYPE_FILE_LIST, files);
  }
  if (texture != NULL)
    providers[n++] = gdk_content_provider_new_typed (GDK_TYPE_TEXTURE, texture);
  return gdk_content_provider_new_union (providers, n);
}
