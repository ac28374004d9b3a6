/* The part of libcuda.c that knows PTX: included there. */
/* --- modules: the names and parameters of the entries in PTX text --- */
static const char *word(const char *p, char *to, int room) {
  while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r') p++;
  int n = 0;
  while (*p && !strchr(" \t\n\r(),[]", *p)) {
    if (n < room - 1) to[n++] = *p;
    p++;
  }
  to[n] = 0;
  return p;
}
static const char *entry(const char *p, kernel *k) {
  char w[256];
  p = word(p, k->name, sizeof k->name);
  while (*p == ' ' || *p == '\n' || *p == '\t') p++;
  if (*p != '(') return p;
  for (p++; *p && *p != ')';) {
    size_t bytes = 0, align = 0, times = 1;
    while (*p && *p != ',' && *p != ')') {
      if (*p == '[') { times = strtoul(p + 1, (char **)&p, 10); if (*p == ']') p++; continue; }
      const char *q = word(p, w, sizeof w);
      if (q == p) { p++; continue; }
      p = q;
      size_t bits;
      char kind;
      if (!bytes && sscanf(w, ".%c%zu", &kind, &bits) == 2 && strchr("usfb", kind)) bytes = bits / 8;
      else if (!bytes && !strcmp(w, ".align")) { p = word(p, w, sizeof w); align = strtoul(w, 0, 10); }
    }
    if (bytes && k->n < 128) {
      k->bytes[k->n] = bytes * times;
      k->align[k->n++] = align > bytes ? align : bytes;
    }
    if (*p == ',') p++;
  }
  return p;
}
CUresult cuModuleLoadDataEx(CUmodule *m, const void *image, unsigned n, CUjit_option *o, void **v) {
  ENTER;
  char *log = 0;
  size_t room = 0;
  for (unsigned i = 0; i < n; i++) {
    if (o[i] == CU_JIT_ERROR_LOG_BUFFER) log = v[i];
    if (o[i] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES) room = (size_t)v[i];
  }
  int e = setting("jit", 0), major, minor;
  const char *at = strstr(image, ".version");
  if (!e && (!at || sscanf(at, ".version %d.%d", &major, &minor) != 2)) e = 218;
  if (!e && strstr(image, "this is no instruction")) e = 218;
  if (e) {
    if (log) snprintf(log, room, "ptxas fake, line 6; fatal   : Parsing error near 'this': syntax error");
    return e;
  }
  if (10 * major + minor > setting("isa", 85)) {
    if (log) snprintf(log, room, "ptxas fake, line 1; fatal   : Unsupported .version %d.%d", major, minor);
    return 222;
  }
  *m = calloc(1, sizeof **m);
  (*m)->ctx = now;
  char *text = strdup(image);
  for (char *p = text; (p = strstr(p, "//"));) /* entries are found without their comments */
    while (*p && *p != '\n') *p++ = ' ';
  for (const char *p = text; (p = strstr(p, ".entry"));) {
    kernel *k = calloc(1, sizeof *k);
    p = entry(p + 6, k);
    k->next = (*m)->kernels, (*m)->kernels = k;
  }
  free(text);
  return 0;
}
CUresult cuModuleUnload(CUmodule m) {
  ENTER;
  if (!m || m->unloaded) return wrong(400, "cuModuleUnload for the second time");
  for (CUstream s = now->streams; s; s = s->next)
    for (op *o = s->first; o; o = o->next)
      if (o->kind == LAUNCH && o->f->mod == m) return wrong(400, "cuModuleUnload before its kernels have run");
  m->unloaded = 1;
  return 0;
}
static fake_twin find_twin(const char *kernel) {
  static int opened;
  static void *lib[32];
  static int libs;
  if (!opened++ && getenv("FAKE_CUDA_TWINS")) {
    char *list = strdup(getenv("FAKE_CUDA_TWINS")), *rest = list, *path;
    while ((path = strsep(&rest, ":")) && libs < 32)
      if (*path && !(lib[libs] = dlopen(path, RTLD_NOW | RTLD_LOCAL))) wrong(0, "%s", dlerror());
      else if (*path) libs++;
    free(list);
  }
  char name[300];
  snprintf(name, sizeof name, "twin_%s", kernel);
  for (int i = 0; i < libs; i++) {
    fake_twin f;
    *(void **)&f = dlsym(lib[i], name);
    if (f) return f;
  }
  return 0;
}
CUresult cuModuleGetFunction(CUfunction *f, CUmodule m, const char *name) {
  ENTER;
  if (!m || m->unloaded || m->ctx != now) return wrong(400, "a module that does not live here");
  for (kernel *k = m->kernels; k; k = k->next)
    if (!strcmp(k->name, name)) {
      *f = calloc(1, sizeof **f);
      (*f)->mod = m, (*f)->k = k, (*f)->twin = find_twin(name);
      return 0;
    }
  return 500;
}
CUresult cuFuncGetAttribute(int *v, CUfunction_attribute a, CUfunction f) {
  ENTER;
  (void)f;
  *v = a == CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK ? 512 : a == CU_FUNC_ATTRIBUTE_NUM_REGS ? 64 : 0;
  return 0;
}
CUresult cuFuncSetAttribute(CUfunction f, CUfunction_attribute a, int v) {
  ENTER;
  if (a != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES || v < 0 || v > 232448) return wrong(1, "cuFuncSetAttribute(%d, %d)", (int)a, v);
  f->shared = v;
  return 0;
}
CUresult cuLaunchKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared,
                        CUstream s, void **arg, void **extra) {
  ENTER; count(LAUNCHES);
  STREAM(s);
  if (f->mod->unloaded || f->mod->ctx != now) return wrong(400, "a kernel whose module does not live here");
  if (!gx || !gy || !gz || !bx || !by || !bz || gy > 65535 || gz > 65535 || bz > 64 || (unsigned long)bx * by * bz > 512 || extra)
    return wrong(1, "a launch of %u %u %u blocks of %u %u %u", gx, gy, gz, bx, by, bz);
  if (shared > 49152 && (int)shared > f->shared) return wrong(1, "a launch with %u bytes of shared memory, not asked for before", shared);
  if (!f->twin) return wrong(801, "kernel %s has no twin in FAKE_CUDA_TWINS", f->k->name);
  size_t at = 0;
  char *copy = calloc(1, 8192);
  for (int i = 0; i < f->k->n; i++) {
    at = (at + f->k->align[i] - 1) / f->k->align[i] * f->k->align[i];
    memcpy(copy + at, arg[i], f->k->bytes[i]);
    at += f->k->bytes[i];
  }
  op *o = queue(s, LAUNCH);
  o->f = f, o->args = copy;
  o->shape = (fake_launch){{gx, gy, gz}, {bx, by, bz}, shared};
  return 0;
}
