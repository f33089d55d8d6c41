/* service.native._lanes: bcrypt for many threads at once, see cores.h and lanes.h. It knows no format of hashes. */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030b0000 /* one build serves Python 3.11 and newer */
#include <Python.h>

#include "cores.h"

enum { MOST_CORES = 4096 };

struct pool_object {
    PyObject_HEAD
    struct pool *pool;
};

static PyObject *pool_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords) {
    int count;
    (void)keywords;
    if (!PyArg_ParseTuple(arguments, "i", &count)) return NULL;
    if (count < 1 || count > MOST_CORES) {
        PyErr_SetString(PyExc_ValueError, "from 1 to 4096 cores");
        return NULL;
    }
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    struct pool_object *self = (struct pool_object *)allocate(type, 0);
    if (self && !(self->pool = new_pool(count))) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    return (PyObject *)self;
}

static void pool_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    struct pool *pool = ((struct pool_object *)self)->pool;
    if (pool) free_pool(pool); /* every caller holds a reference while it computes */
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static PyObject *pool_digest(PyObject *self, PyObject *arguments) {
    const char *password, *salt;
    Py_ssize_t length, salt_length;
    int cost;
    if (!PyArg_ParseTuple(arguments, "y#y#i", &password, &length, &salt, &salt_length, &cost)) return NULL;
    if (length > PASSWORD_BYTES || salt_length != SALT_BYTES || cost < 4 || cost > 31) {
        PyErr_SetString(PyExc_ValueError, "a password of at most 72 bytes, a salt of 16, a cost from 4 to 31");
        return NULL;
    }
    struct job job = {
        .password = (const uint8_t *)password, .salt = (const uint8_t *)salt, .length = (size_t)length, .cost = cost};
    Py_BEGIN_ALLOW_THREADS
    compute(((struct pool_object *)self)->pool, &job);
    Py_END_ALLOW_THREADS
    return PyBytes_FromStringAndSize((const char *)job.digest, DIGEST_BYTES);
}

static PyObject *pool_jobs(PyObject *self, PyObject *nothing) {
    int waiting, running;
    (void)nothing;
    count_jobs(((struct pool_object *)self)->pool, &waiting, &running);
    return Py_BuildValue("ii", waiting, running);
}

static PyMethodDef pool_methods[] = {
    {"digest", pool_digest, METH_VARARGS, "digest(password, salt, cost): the 23 bytes of bcrypt. Releases the GIL."},
    {"jobs", pool_jobs, METH_NOARGS, "The numbers of digests that wait for a lane, and that are being computed."},
    {0},
};
static PyType_Slot pool_slots[] = {
    {Py_tp_new, pool_new},
    {Py_tp_dealloc, pool_dealloc},
    {Py_tp_methods, pool_methods},
    {Py_tp_doc, "Pool(cores): callers of `digest` at the same time share this number of cores."},
    {0},
};
static PyType_Spec pool_spec = {
    "service.native._lanes.Pool", sizeof(struct pool_object), 0, Py_TPFLAGS_DEFAULT, pool_slots};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_lanes", NULL, -1, NULL, NULL, NULL, NULL, NULL};

static int register_fork_handlers(void) {
    static bool are_registered; /* once, also when the module is loaded again under another name */
    if (are_registered) return 0;
    are_registered = true;
    return pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

PyMODINIT_FUNC PyInit__lanes(void) {
    PyObject *module = PyModule_Create(&definition);
    PyObject *type = module ? PyType_FromSpec(&pool_spec) : NULL;
    /* PyModule_AddObject takes over the reference to the type only when it succeeds. */
    if (type && PyModule_AddObject(module, "Pool", type) < 0) Py_CLEAR(type);
    if (!type || PyModule_AddIntConstant(module, "LANES", LANES) < 0 ||
        register_fork_handlers()) {
        Py_CLEAR(module);
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_ImportError, "no handlers for fork()");
    }
    return module;
}
