/* Pickles that would run code where Python loads them: every one refused, by name, with nothing run.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The names are those of public scanners' tests, advisories and proof-of-concept files. */
#define _GNU_SOURCE /* memfd_create */
#include "engine/formats/pickle.h"

#include "engine/error.h"
#include "engine/formats/pickle-globals.h"
#include "engine/formats/tensor-file.h"
#include "tests/engine/formats/checkpoints.h"
#include "tests/engine/formats/nothing-runs.h"
#include "tests/engine/formats/scratch.h"

#include <string.h>
#include <sys/resource.h>

static const struct {
  const char *module, *name;
} gadgets[] = {
  { "os", "system" }, { "posix", "system" }, { "nt", "system" }, { "os", "popen" }, { "os", "execv" }, { "os", "spawnlp" },
  { "os", "remove" }, { "os", "rename" }, { "os", "putenv" }, { "subprocess", "Popen" }, { "subprocess", "check_output" },
  { "commands", "getoutput" }, { "builtins", "eval" }, { "builtins", "exec" }, { "builtins", "compile" }, { "builtins", "getattr" },
  { "builtins", "setattr" }, { "builtins", "open" }, { "builtins", "__import__" }, { "builtins", "breakpoint" }, { "builtins", "map" },
  { "__builtin__", "eval" }, { "__builtin__", "execfile" }, { "__builtin__", "apply" }, { "webbrowser", "open" }, { "runpy", "run_path" },
  { "runpy", "_run_code" }, { "pty", "spawn" }, { "importlib", "import_module" }, { "pip", "main" }, { "pip._internal.cli.main", "main" },
  { "ensurepip", "_run_pip" }, { "socket", "create_connection" }, { "ssl", "get_server_certificate" }, { "urllib.request", "urlopen" },
  { "http.client", "HTTPSConnection" }, { "requests.api", "get" }, { "aiohttp.client", "request" }, { "ctypes", "CDLL" },
  { "ctypes.util", "find_library" }, { "_ctypes", "dlopen" }, { "marshal", "loads" }, { "pickle", "loads" }, { "_pickle", "Unpickler" },
  { "dill", "loads" }, { "cloudpickle.cloudpickle", "_make_function" }, { "joblib", "load" }, { "types", "FunctionType" },
  { "types", "CodeType" }, { "operator", "attrgetter" }, { "operator", "methodcaller" }, { "_operator", "attrgetter" },
  { "functools", "partial" }, { "functools", "reduce" }, { "shutil", "rmtree" }, { "pathlib", "Path" }, { "tempfile", "mktemp" },
  { "asyncio.unix_events", "_UnixSubprocessTransport._start" }, { "multiprocessing.util", "spawnv_passfds" }, { "timeit", "timeit" },
  { "cProfile", "run" }, { "profile", "Profile.runctx" }, { "trace", "Trace.run" }, { "pdb", "run" }, { "bdb", "Bdb.run" },
  { "doctest", "debug_script" }, { "code", "InteractiveInterpreter.runcode" }, { "idlelib.pyshell", "ModifiedInterpreter.runcode" },
  { "idlelib.autocomplete", "AutoComplete.get_entity" }, { "lib2to3.pgen2.pgen", "ParserGenerator.make_label" },
  { "distutils.file_util", "write_file" }, { "logging.config", "_resolve" }, { "pkgutil", "resolve_name" },
  { "zipimport", "zipimporter" }, { "linecache", "getlines" }, { "sys", "settrace" }, { "numpy", "load" },
  { "numpy.testing._private.utils", "runstring" }, { "numpy.f2py.crackfortran", "getlincoef" }, { "pandas", "read_pickle" },
  { "torch", "load" }, { "torch.hub", "load" }, { "torch.serialization", "load" }, { "torch.jit", "load" },
  { "torch.utils.collect_env", "run" }, { "torch.utils.bottleneck.__main__", "run_cprofile" },
  { "torch.utils._config_module", "ConfigModule.load_config" }, { "torch._inductor.codecache", "compile_file" },
  { "torch._dynamo.guards", "GuardBuilder.get" }, { "torch.fx.graph_module", "_forward_from_src" },
  { "torch.fx.experimental.symbolic_shapes", "ShapeEnv.evaluate_guards_expression" }, { "torch.nn.modules.module", "Module" },
  { "torch._utils", "_rebuild_tensor_v4" }, { "torch.storage", "_load_from_bytes" }, { "transformers", "AutoModel" },
  { "collections", "OrderedDict.fromkeys" }, { "collections", "orderedDict" }, { "Collections", "OrderedDict" },
  { "collections ", "OrderedDict" }, { "torch._utils", "_rebuild_tensor_v2.__globals__" }, { "", "" }, { "\xff\xfe", "\x80" },
};

static void
put_text (GByteArray *bytes, const char *text)
{
  PUT (bytes, "X");
  put_number (bytes, strlen (text), 4);
  put (bytes, text, strlen (text));
}

static void
put_lines (GByteArray *bytes, const char *before, const char *module, const char *name)
{
  g_autofree char *text = g_strdup_printf ("%s%s\n%s\n", before, module, name);

  put (bytes, text, strlen (text));
}

/* Ways to name something and call it. */
enum {
  REDUCE, REDUCE_STACK, INST, OBJ, NEWOBJ, NEWOBJ_EX, BUILD, TEXTS, MEMO, BROKEN, DERIVED, PERSISTENT, BESIDE, N_WAYS
};

static GByteArray *
hostile_pickle (const char *module, const char *name, guint way)
{
  GByteArray *p = g_byte_array_new ();

  if (way != INST && way != TEXTS)
    put (p, way == REDUCE_STACK || way == MEMO ? "\x80\4" : "\x80\2", 2);
  if (way == INST)
    put_lines (p, "(S'id'\ni", module, name);
  else if (way == REDUCE_STACK) {
    PUT (p, "\x95\0\0\0\0\0\0\0\0");
    put_text (p, module), put_text (p, name);
    PUT (p, "\x93\x8c\2id\x85R");
  } else if (way == TEXTS) {
    put_lines (p, "V", module, "");
    p->len--; /* the second line's end */
    put_lines (p, "V", name, "");
    p->len--;
    PUT (p, "\x93(tR");
  } else if (way == MEMO) { /* the names kept, dropped and recalled the other way round */
    put_text (p, name);
    PUT (p, "\x94" "0");
    put_text (p, module);
    PUT (p, "\x94" "0h\1h\0\x93)R");
  } else {
    if (way == OBJ)
      PUT (p, "(");
    else if (way == BESIDE)
      PUT (p, "}X\1\0\0\0a");
    else if (way == PERSISTENT)
      PUT (p, "(X\7\0\0\0storage");
    else if (way == DERIVED)
      PUT (p, "ctorch._tensor\n_rebuild_from_type_v2\n(");
    put_lines (p, "c", module, name);
    if (way == OBJ)
      PUT (p, "X\2\0\0\0ido");
    else if (way == NEWOBJ)
      PUT (p, "X\2\0\0\0id\x85\x81");
    else if (way == NEWOBJ_EX)
      PUT (p, ")}\x92");
    else if (way == BUILD)
      PUT (p, ")\x81}X\1\0\0\0aX\1\0\0\0bsb");
    else if (way == BROKEN)
      PUT (p, "X\2\0\0\0id\x85R\xff\xff"); /* the payload first, then what ends every scanner */
    else if (way == PERSISTENT)
      PUT (p, "X\1\0\0\0" "0X\3\0\0\0cpuK\4tQ");
    else if (way == DERIVED)
      PUT (p, "ctorch\nTensor\n)}tR");
    else
      PUT (p, "X\2\0\0\0id\x85R");
    if (way == BESIDE)
      PUT (p, "s");
  }
  PUT (p, ".");
  return p;
}

/* Returns: (transfer full): the message */
static char *
refuse (const GByteArray *bytes)
{
  int fd;
  g_autofree char *path = memory_file (bytes->data, bytes->len, &fd);
  g_autoptr (GError) error = NULL;
  g_autoptr (VelTensorFile) file = vel_tensor_file_open (path, NULL, &error);

  close (fd);
  g_assert_null (file);
  g_assert_error (error, VEL_ERROR, VEL_ERROR_FORMAT);
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  g_assert_null (strchr (error->message, '\n'));
  return g_strdup (error->message);
}

/* In every way and container. Returns: how many files that was */
static guint
refuse_gadget (gsize i)
{
  g_autofree char *raw = g_strdup_printf ("its pickle names %s.%s, which", gadgets[i].module, gadgets[i].name);
  g_autofree char *expected = g_utf8_make_valid (raw, -1);
  guint n = 0;

  for (guint way = 0; way < N_WAYS; way++) {
    g_autoptr (GByteArray) pickle = hostile_pickle (gadgets[i].module, gadgets[i].name, way);
    g_autoptr (GByteArray) zip = zip_around (pickle), legacy = legacy_around (pickle);

    for (GByteArray **bytes = (GByteArray *[]) { zip, legacy, way == INST || way == TEXTS ? NULL : pickle, NULL }; *bytes; bytes++, n++) {
      g_autofree char *message = refuse (*bytes);

      if (!strstr (message, expected))
        g_error ("“%s” was expected in: %s (way %u)", expected, message, way);
    }
  }
  return n;
}

static void
test_gadget (gconstpointer data)
{
  g_assert_cmpuint (refuse_gadget (GPOINTER_TO_SIZE (data)), ==, 2 * N_WAYS + N_WAYS - 2);
}

static void
refuse_all (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (gadgets); i++)
    refuse_gadget (i);
}

static void
start_program (void)
{
  execl ("/bin/true", "true", NULL);
}

static void
start_process (void)
{
  if (fork () == 0)
    _exit (0);
}

static void
open_for_writing (void)
{
  close (open ("/dev/null", O_WRONLY));
}

/* All of them once more, by a process that would not survive starting anything; and what would not survive does not. */
static void
test_nothing_runs (void)
{
  int status = run_watched (refuse_all);

  if (WIFEXITED (status) && WEXITSTATUS (status) == 77) {
    g_test_skip ("the kernel does not let a process be watched here");
    return;
  }
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
  for (void (**what) (void) = (void (*[]) (void)) { start_program, start_process, open_for_writing, NULL }; *what; what++) {
    status = run_watched (*what);
    g_assert_true (WIFSIGNALED (status));
    g_assert_cmpint (WTERMSIG (status), ==, SIGSYS);
  }
}

/* All names are told, not just the first. */
static void
test_several (void)
{
  g_autoptr (GByteArray) pickle = g_byte_array_new (), zip = NULL;
  g_autofree char *message = NULL;

  PUT (pickle, "\x80\2cos\nsystem\n0ccollections\nOrderedDict\n0cbuiltins\neval\n0cos\nsystem\n.");
  zip = zip_around (pickle);
  message = refuse (zip);
  g_assert_nonnull (strstr (message, "names os.system, builtins.eval, which"));
}

static const VelPickleValue *
run (VelPickle *self, const char *bytes, gsize length)
{
  vel_pickle_init (self, (const guint8 *) bytes, length);
  return vel_pickle_run (self);
}

#define BAD(bytes, expected) { bytes, sizeof (bytes) - 1, expected }

/* Instructions with values they are never given. */
static const struct {
  const char *bytes;
  gsize length;
  const char *expected;
} broken[] = {
  BAD ("", "ends too early"),
  BAD ("\x80", "ends too early"),
  BAD ("\x80\2", "ends too early"),
  BAD ("\x80\6N.", "newer than 5"),
  BAD ("\x80\4\x95\5\0\0\0\0\0\0\0N.", "ends too early"),
  BAD ("\x80\4\x95\xff\xff\xff\xff\xff\xff\xff\xffN.", "ends too early"),
  BAD (".", "too few values"),
  BAD ("0.", "too few values"),
  BAD ("2.", "too few values"),
  BAD ("\x85.", "too few values"),
  BAD ("NN\x87.", "too few values"),
  BAD ("N(\x85.", "too few values"),
  BAD ("N(0\x85.", NULL),
  BAD ("N(.", "too few values"),
  BAD ("Na.", "too few values"),
  BAD ("t.", "no mark"),
  BAD ("1.", "no mark"),
  BAD ("u.", "no mark"),
  BAD ("(Nu.", "too few values"),
  BAD ("(Nd.", "no value"),
  BAD ("}(NNNu.", "no value"),
  BAD ("]NNs.", "no list and no dict"),
  BAD ("}Na.", "no list and no dict"),
  BAD (")Na.", "no list and no dict"),
  BAD ("N(NNu.", "no list and no dict"),
  BAD ("ccollections\nOrderedDict\nNNs.", "no list and no dict"),
  BAD ("](N\x90.", "no list and no dict"),
  BAD ("N)R.", "no function"),
  BAD ("ccollections\nOrderedDict\nNR.", "no function"),
  BAD ("ccollections\nOrderedDict\n]R.", "no function"),
  BAD ("X\1\0\0\0a)R.", "no function"),
  BAD ("ctorch\nFloatStorage\n)R.", "never called"),
  BAD ("ctorch\nTensor\n)\x81.", "never called"),
  BAD ("ccollections\nOrderedDict\nN\x85R.", "never called"),
  BAD ("ccollections\nOrderedDict\n]Na\x85R.", "never called"),
  BAD ("ctorch._utils\n_rebuild_tensor_v2\n)R.", "never called"),
  BAD ("ctorch._utils\n_rebuild_parameter\nN\x85R.", "never called"),
  BAD ("ctorch\nSize\nN\x85R.", "never called"),
  BAD ("NNb.", "no object"),
  BAD ("ccollections\nOrderedDict\n}b.", "no object"),
  BAD ("ctorch\nTensor\n}b.", "no object"),
  BAD ("h\0.", "did not keep"),
  BAD ("j\xff\xff\xff\xff.", "did not keep"),
  BAD ("Nr\0\0\x10\0.", "more than a million"),
  BAD ("Nr\xff\xff\xff\xff.", "more than a million"),
  BAD ("g-1\n.", "no number"),
  BAD ("g\n.", "no number"),
  BAD ("Np99999999999999999999\n.", "no number"),
  BAD ("X\5\0\0\0abc", "ends too early"),
  BAD ("X\xff\xff\xff\xff" "abc", "ends too early"),
  BAD ("\x8d\xff\xff\xff\xff\xff\xff\xff\xff.", "ends too early"),
  BAD ("\x8a\xff.", "ends too early"),
  BAD ("\x8b\xff\xff\xff\xff.", "ends too early"),
  BAD ("G\0\0\0.", "ends too early"),
  BAD ("NN\x93.", "no text"),
  BAD ("X\1\0\0\0aN\x93.", "no text"),
  BAD ("cos", "does not end"),
  BAD ("ccollections\nOrderedDict", "does not end"),
  BAD ("NQ.", "no storage"),
  BAD (")Q.", "no storage"),
  BAD ("(X\7\0\0\0storagectorch\nTensor\nX\1\0\0\0" "0NK\1tQ.", "no storage"),
  BAD ("(X\6\0\0\0modulectorch\nFloatStorage\nX\1\0\0\0" "0NK\1tQ.", "no storage"),
  BAD ("Pid\n.", "no checkpoint has"),
  BAD ("\x82\1.", "no checkpoint has"),
  BAD ("\x84\1\0\0\0.", "no checkpoint has"),
  BAD ("\x97.", "no checkpoint has"),
  BAD ("N)}\x92.", "no checkpoint has"),
  BAD ("(icollections\nOrderedDict\n.", "makes an object"),
  BAD ("\xfe.", "no instruction"),
  BAD ("\0.", "no instruction"),
};

static void
test_broken (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (broken); i++) {
    VelPickle pickle;
    g_autofree guint8 *exact = g_memdup2 (broken[i].bytes, broken[i].length);
    const VelPickleValue *value = run (&pickle, (const char *) exact, broken[i].length);

    g_assert_true (!value == !!broken[i].expected);
    if (broken[i].expected) {
      g_autofree char *problem = vel_pickle_dup_problem (&pickle);

      if (!strstr (problem, broken[i].expected))
        g_error ("case %zu: “%s” was expected in: %s", i, broken[i].expected, problem);
    }
    vel_pickle_clear (&pickle);
  }
}

/* Plain values, by every instruction that makes one. */
static void
test_values (void)
{
  static const char bytes[] = "\x80\5(K\xffM\xff\xffJ\xff\xff\xff\xff\x8a\0\x8a\1\x80\x8a\2\0\1\x8b\3\0\0\0\xff\xff\x7f\x88\x89NG\x40\x09\x21\xfb\x54\x44\x2d\x18"
                              "U\1aC\1b\x8c\1cX\1\0\0\0dB\1\0\0\0eT\1\0\0\0f\x8d\1\0\0\0\0\0\0\0gl.";
  static const gint64 integers[] = { 255, 65535, -1, 0, -128, 256, 8388607, 1, 0 };
  VelPickle pickle;
  const VelPickleValue *list = run (&pickle, bytes, sizeof bytes - 1);

  g_assert_nonnull (list);
  g_assert_cmpint (list->kind, ==, VEL_PICKLE_LIST);
  g_assert_cmpuint (list->list.n, ==, 18);
  for (gsize i = 0; i < G_N_ELEMENTS (integers); i++) {
    g_assert_cmpint (list->list.items[i]->kind, ==, i < 7 ? VEL_PICKLE_INTEGER : VEL_PICKLE_BOOL);
    g_assert_cmpint (list->list.items[i]->integer, ==, integers[i]);
  }
  g_assert_cmpint (list->list.items[9]->kind, ==, VEL_PICKLE_NONE);
  g_assert_cmpfloat (list->list.items[10]->number, ==, 3.141592653589793);
  for (guint i = 0; i < 7; i++)
    g_assert_true (vel_pickle_value_is_text (list->list.items[11 + i], (char[]) { (char) ('a' + i), 0 }));
  vel_pickle_clear (&pickle);
}

/* `piece` again and again, up to 64 MB: the time and memory that takes are bounded, whatever it is. */
static void
flood (const char *start, gsize start_length, const char *piece, gsize length, const char *expected)
{
  gsize most = 65 << 20, n = start_length;
  g_autofree char *bytes = g_malloc (most), *problem = NULL;
  gint64 begun = g_get_monotonic_time ();
  struct rusage before, after;
  VelPickle pickle;

  memcpy (bytes, start, start_length);
  for (; n + length <= most; n += length)
    memcpy (bytes + n, piece, length);
  getrusage (RUSAGE_SELF, &before);
  g_assert_null (run (&pickle, bytes, n));
  problem = vel_pickle_dup_problem (&pickle);
  vel_pickle_clear (&pickle);
  getrusage (RUSAGE_SELF, &after);
  if (!strstr (problem, expected))
    g_error ("“%s” was expected in: %s", expected, problem);
  g_assert_cmpint (g_get_monotonic_time () - begun, <, 20 * G_USEC_PER_SEC);
  g_assert_cmpint (after.ru_maxrss - before.ru_maxrss, <, 240 * 1024);
}

#define FLOOD(start, piece, expected) flood (start, sizeof (start) - 1, piece, sizeof (piece) - 1, expected)

static void
test_floods (void)
{
  FLOOD ("", "N", "million values");
  FLOOD ("", "]0", "more memory");
  FLOOD ("", "(", "nested too deeply");
  FLOOD ("N", "\x85", "more memory");
  FLOOD ("}", "NNs", "more memory");
  FLOOD ("]", "(NNNNNNNNe", "more memory");
  FLOOD ("", "N\x94", "million values");
  FLOOD ("", "N\x94" "0", "million values");
  FLOOD ("", "Nq\0" "0", "more memory");
  FLOOD ("", "cos\nsystem\n0", "os.system");
  FLOOD ("", "X\0\0\0\0" "0", "more memory");
  FLOOD ("N", "\x80\2", "longer than 64 MB");
  FLOOD ("](((", "\x8c\xff", "");
}

/* A dict that holds one twice, which holds one twice, …: 2^40 tensors if somebody went to all of them. */
static void
test_doubling (void)
{
  g_autoptr (GByteArray) pickle = g_byte_array_new (), zip = NULL;
  g_autofree char *message = NULL;

  PUT (pickle, "\x80\2]N\x61q\0");
  for (guint i = 0; i < 25; i++)
    PUT (pickle, "h\0h\0\x86q\0");
  PUT (pickle, ".");
  zip = zip_around (pickle);
  message = refuse (zip);
  g_assert_nonnull (strstr (message, "too many dicts and lists"));
}

/* What is cheap to ask for again and again: a lookup among many keys, a walk along many numbers, a long text under many names. */
static void
test_repeated (void)
{
  g_autoptr (GByteArray) lookups = g_byte_array_new (), numbers = g_byte_array_new (), texts = g_byte_array_new (), zip = NULL;
  g_autofree char *long_text = g_strnfill (1 << 20, 'x'), *message = NULL;
  gint64 begun = g_get_monotonic_time ();
  struct rusage before, after;
  VelPickle pickle;

  PUT (lookups, "\x80\2}(");
  for (guint i = 0; i < 250000; i++)
    PUT (lookups, "NN");
  PUT (lookups, "uq\0" "0}");
  for (guint i = 0; i < 1000000; i++)
    PUT (lookups, "h\0b");
  PUT (lookups, ".");
  vel_pickle_init (&pickle, lookups->data, lookups->len);
  g_assert_nonnull (vel_pickle_run (&pickle));
  vel_pickle_clear (&pickle);

  PUT (numbers, "\x80\2](");
  for (guint i = 0; i < 100000; i++)
    PUT (numbers, "K\1");
  PUT (numbers, "eq\0" "0](");
  for (guint i = 0; i < 100000; i++)
    PUT (numbers, "h\0");
  PUT (numbers, "e.");
  zip = zip_around (numbers);
  message = refuse (zip);
  g_assert_nonnull (strstr (message, "too many dicts and lists"));

  getrusage (RUSAGE_SELF, &before);
  PUT (texts, "\x80\2X\0\0\x10\0");
  put (texts, long_text, 1 << 20);
  PUT (texts, "q\0" "0}(");
  for (guint i = 0; i < 5000; i++) {
    PUT (texts, "X\4\0\0\0");
    put_number (texts, 0x41414141 + i % 26 + (i / 26 % 26 << 8) + (i / 676 << 16), 4);
    PUT (texts, "h\0");
  }
  PUT (texts, "u.");
  g_byte_array_unref (zip);
  zip = zip_around (texts);
  {
    int fd;
    g_autofree char *path = memory_file (zip->data, zip->len, &fd);
    g_autoptr (VelTensorFile) file = vel_tensor_file_open (path, NULL, NULL);

    g_assert_nonnull (file);
    g_assert_cmpuint (g_hash_table_size (vel_tensor_file_get_all_metadata (file)), ==, 16);
    close (fd);
  }
  getrusage (RUSAGE_SELF, &after);
  g_assert_cmpint (after.ru_maxrss - before.ru_maxrss, <, 128 * 1024);
  g_assert_cmpint (g_get_monotonic_time () - begun, <, 20 * G_USEC_PER_SEC);
}

/* A list that holds itself. */
static void
test_circle (void)
{
  g_autoptr (GByteArray) pickle = g_byte_array_new (), zip = NULL;
  g_autofree char *message = NULL;

  PUT (pickle, "\x80\2]q\0h\0a.");
  zip = zip_around (pickle);
  message = refuse (zip);
  g_assert_nonnull (strstr (message, "too many dicts and lists"));
}

int
main (int argc, char **argv)
{
  scratch_init (&argc, &argv);
  for (gsize i = 0; i < G_N_ELEMENTS (gadgets); i++) {
    g_autofree char *path = g_strdup_printf ("/formats/pickle/gadget/%03zu", i);

    g_test_add_data_func (path, GSIZE_TO_POINTER (i), test_gadget);
  }
  g_test_add_func ("/formats/pickle/nothing-runs", test_nothing_runs);
  g_test_add_func ("/formats/pickle/several", test_several);
  g_test_add_func ("/formats/pickle/broken", test_broken);
  g_test_add_func ("/formats/pickle/values", test_values);
  g_test_add_func ("/formats/pickle/floods", test_floods);
  g_test_add_func ("/formats/pickle/doubling", test_doubling);
  g_test_add_func ("/formats/pickle/repeated", test_repeated);
  g_test_add_func ("/formats/pickle/circle", test_circle);
  return g_test_run ();
}
