/* Many threads compute bcrypt in one pool: storm CORES THREADS JOBS. Fails unless all digests are right and nothing is
 * left behind. Without Python, so that a sanitizer sees all there is. */
#include <stdio.h>

#include "../../service/native/cores.h"

enum { KINDS = 19, MOST_THREADS = 64 };

struct worker {
    struct pool *pool;
    uint32_t seed;
    int jobs, wrong;
};

static uint8_t expected[KINDS][DIGEST_BYTES];

/* The digest of one of KINDS passwords, with lengths from 0 to 72 and costs from 4 to 6. */
static void digest(struct pool *pool, int kind, uint8_t *into) {
    uint8_t password[PASSWORD_BYTES], salt[SALT_BYTES];
    memset(password, kind + 1, sizeof password);
    memset(salt, 255 - kind, sizeof salt);
    struct job job = {.password = password, .salt = salt, .length = (size_t)(kind * 72 / (KINDS - 1)), .cost = 4 + kind % 3};
    compute(pool, &job);
    memcpy(into, job.digest, DIGEST_BYTES);
}

static void *run(void *argument) {
    struct worker *worker = argument;
    for (int i = 0; i < worker->jobs; i++) {
        worker->seed = worker->seed * 1103515245 + 12345;
        int kind = (int)(worker->seed >> 16) % KINDS;
        uint8_t made[DIGEST_BYTES];
        digest(worker->pool, kind, made);
        worker->wrong += memcmp(made, expected[kind], DIGEST_BYTES) != 0;
    }
    return NULL;
}

int main(int count, char **words) {
    if (count != 4) return 2;
    int cores = atoi(words[1]), threads = atoi(words[2]), jobs = atoi(words[3]);
    if (cores < 1 || threads < 1 || threads > MOST_THREADS) return 2;
    struct pool *pool = new_pool(cores);
    if (!pool) return 2;
    for (int kind = 0; kind < KINDS; kind++) digest(pool, kind, expected[kind]);
    pthread_t running[MOST_THREADS];
    struct worker workers[MOST_THREADS];
    for (int i = 0; i < threads; i++) {
        workers[i] = (struct worker){.pool = pool, .seed = (uint32_t)i * 7919, .jobs = jobs};
        if (pthread_create(&running[i], NULL, run, &workers[i])) return 2;
    }
    int wrong = 0;
    for (int i = 0; i < threads; i++) {
        pthread_join(running[i], NULL);
        wrong += workers[i].wrong;
    }
    int waiting, left, driven = 0;
    count_jobs(pool, &waiting, &left);
    for (int i = 0; i < cores; i++) driven += pool->cores[i].is_driven;
    free_pool(pool);
    before_fork(); /* fork() itself is tested with Python */
    after_fork_in_parent();
    printf("%d digests, %d wrong; %d waiting, %d on a core, %d cores driven\n", threads * jobs, wrong, waiting, left, driven);
    if (wrong || waiting || left || driven) return 1;
    before_fork();
    after_fork_in_child();
    return 0;
}
