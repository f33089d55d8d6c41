/* Threads that compute bcrypt at the same time share a number of cores.
 *
 * There are no threads of our own. Each caller's job is put on the core with the fewest jobs, or waits in a queue while
 * all lanes are taken. One of the callers with a job on a core drives it: in chunks of half a millisecond, between which
 * it starts jobs that have arrived and releases finished ones. When its own job is done, it leaves the core to another
 * of them. So nobody waits for a batch to fill or to end, costs mix, and a job that is alone runs alone.
 *
 * One lock guards everything but the lanes, which belong to the thread that drives their core.
 */
#ifndef CORES_H
#define CORES_H

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "lanes.h"

enum { CHUNK = 8 /* steps */ };

struct core;

struct job {
    const uint8_t *password, *salt;
    size_t length;
    int cost;
    uint8_t digest[DIGEST_BYTES];
    bool is_done;
    struct core *core; /* NULL while it waits in the queue */
    struct job *next;  /* in the queue */
    pthread_cond_t changed; /* it is done, or its core has no driver */
};

struct core {
    struct lane lanes[LANES];
    struct job *jobs[LANES];
    int taken; /* lanes that have a job */
    int set_up; /* the first of these, which advance. Only the driver reads or changes it */
    bool is_driven;
};

struct pool {
    struct pool *next;
    struct job *first, *last; /* the queue */
    int core_count;
    struct core cores[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct pool *pools;

/* --- under the lock */

static struct core *emptiest(struct pool *pool) {
    struct core *found = &pool->cores[0];
    for (int i = 1; i < pool->core_count; i++) {
        if (pool->cores[i].taken < found->taken) found = &pool->cores[i];
    }
    return found;
}

static void start_on(struct core *core, struct job *job) {
    core->jobs[core->taken++] = job;
    job->core = core;
}

/* On a core, or at the end of the queue. */
static void admit(struct pool *pool, struct job *job) {
    struct core *core = emptiest(pool);
    if (core->taken < LANES) {
        start_on(core, job);
    } else if (pool->first) {
        pool->last = pool->last->next = job;
    } else {
        pool->first = pool->last = job;
    }
}

static void fill(struct pool *pool, struct core *core) {
    while (core->taken < LANES && pool->first) {
        struct job *job = pool->first;
        pool->first = job->next;
        start_on(core, job);
    }
}

/* The jobs whose lanes are set up stay in front of the others. */
static void remove_from(struct core *core, int place) {
    core->set_up--;
    core->taken--;
    core->jobs[place] = core->jobs[core->set_up];
    if (place != core->set_up) core->lanes[place] = core->lanes[core->set_up];
    wipe(&core->lanes[core->set_up]);
    core->jobs[core->set_up] = core->jobs[core->taken];
}

static void release_finished(struct core *core) {
    for (int i = core->set_up - 1; i >= 0; i--) {
        struct job *job = core->jobs[i];
        if (core->lanes[i].steps_left) continue;
        remove_from(core, i);
        job->is_done = true;
        pthread_cond_signal(&job->changed);
    }
}

/* --- without the lock, by the driver */

/* One chunk: set up new lanes, advance all, finish those without steps left. */
static void work(struct core *core, int taken) {
    for (; core->set_up < taken; core->set_up++) {
        const struct job *job = core->jobs[core->set_up];
        begin(&core->lanes[core->set_up], job->password, job->length, job->salt, job->cost);
    }
    uint64_t steps = CHUNK;
    for (int i = 0; i < taken; i++) {
        if (core->lanes[i].steps_left < steps) steps = core->lanes[i].steps_left;
    }
    advance(core->lanes, taken, steps);
    for (int i = 0; i < taken; i++) {
        if (!core->lanes[i].steps_left) finish(&core->lanes[i], core->jobs[i]->digest);
    }
}

/* --- by each caller */

/* Until the caller's own job is done. */
static void drive(struct pool *pool, struct core *core, const struct job *own) {
    core->is_driven = true;
    while (!own->is_done) {
        int taken = core->taken;
        pthread_mutex_unlock(&lock);
        work(core, taken);
        pthread_mutex_lock(&lock);
        release_finished(core);
        fill(pool, core);
    }
    core->is_driven = false;
    if (core->taken) pthread_cond_signal(&core->jobs[0]->changed);
}

/* Returns when `job`, of which the first four members are set, has its digest. */
static void compute(struct pool *pool, struct job *job) {
    pthread_cond_init(&job->changed, NULL);
    pthread_mutex_lock(&lock);
    admit(pool, job);
    while (!job->is_done) {
        if (job->core && !job->core->is_driven) {
            drive(pool, job->core, job);
        } else {
            pthread_cond_wait(&job->changed, &lock);
        }
    }
    pthread_mutex_unlock(&lock);
    pthread_cond_destroy(&job->changed);
}

/* --- pools */

/* NULL without memory. */
static struct pool *new_pool(int count) {
    struct pool *pool = calloc(1, sizeof *pool + (size_t)count * sizeof(struct core));
    if (!pool) return NULL;
    pool->core_count = count;
    pthread_mutex_lock(&lock);
    pool->next = pools;
    pools = pool;
    pthread_mutex_unlock(&lock);
    return pool;
}

/* Nobody computes in it any more. */
static void free_pool(struct pool *pool) {
    pthread_mutex_lock(&lock);
    struct pool **at = &pools;
    while (*at != pool) at = &(*at)->next;
    *at = pool->next;
    pthread_mutex_unlock(&lock);
    free(pool);
}

/* The jobs that wait in the queue, and those on a core. */
static void count_jobs(struct pool *pool, int *waiting, int *running) {
    *waiting = *running = 0;
    pthread_mutex_lock(&lock);
    for (struct job *job = pool->first; job; job = job->next) ++*waiting;
    for (int i = 0; i < pool->core_count; i++) *running += pool->cores[i].taken;
    pthread_mutex_unlock(&lock);
}

/* --- fork(): the child has none of the threads that compute, so its pools are empty */

static void before_fork(void) { pthread_mutex_lock(&lock); }

static void after_fork_in_parent(void) { pthread_mutex_unlock(&lock); }

static void after_fork_in_child(void) {
    for (struct pool *pool = pools; pool; pool = pool->next) {
        pool->first = pool->last = NULL;
        overwrite(pool->cores, 0, (size_t)pool->core_count * sizeof(struct core));
    }
    pthread_mutex_unlock(&lock);
}

#endif
