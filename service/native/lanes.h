/* bcrypt for up to LANES passwords at a time on one core.
 *
 * A round of Blowfish needs the result of the round before, so one bcrypt mostly waits for its own table look-ups.
 * Passwords that have nothing to do with each other fill those waits: four take about 1.3 times as long as one. A fifth
 * would gain 5 %, and six would not leave the first-level cache any room.
 *
 * Every loop over lanes is unrolled: `count` is a constant wherever it matters, so all halves stay in registers.
 *
 * As in every bcrypt, look-ups depend on the password. Code on the same core can observe them through its cache.
 */
#ifndef LANES_H
#define LANES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "blowfish_pi.h"

enum {
    LANES = 4,
    SUBKEYS = 18,        /* 32-bit words of Blowfish's P array */
    BOXES = 4 * 256,     /* words of its four S-boxes, one behind the other */
    PASSWORD_BYTES = 72, /* at most; bcrypt ignores the rest */
    SALT_BYTES = 16,
    DIGEST_BYTES = 23, /* bcrypt drops the 24th */
};

enum material { KEY, SALT };

struct lane {
    uint32_t p[SUBKEYS], s[BOXES];
    uint32_t mixed[2][SUBKEYS]; /* what the two halves of a step mix into p: the password and the salt, repeated */
    uint64_t steps_left;
};

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define EACH_LANE _Pragma("GCC unroll 4") for (int i = 0; i < count; i++)

/* memset through a pointer that may change: no compiler can drop the call. */
static void *(*const volatile overwrite)(void *, int, size_t) = memset;

static void wipe(struct lane *lane) { overwrite(lane, 0, sizeof *lane); }

ALWAYS_INLINE uint32_t big_endian(const uint8_t *four) {
    return (uint32_t)four[0] << 24 | (uint32_t)four[1] << 16 | (uint32_t)four[2] << 8 | four[3];
}

/* Blowfish's round function. */
ALWAYS_INLINE uint32_t f(const uint32_t *s, uint32_t half) {
    uint32_t sum = s[half >> 24] + s[256 + (half >> 16 & 255)];
    return (sum ^ s[512 + (half >> 8 & 255)]) + s[768 + (half & 255)];
}

/* Encrypt one block in each of the first `count` lanes. */
ALWAYS_INLINE void encrypt(const struct lane *lanes, int count, uint32_t *left, uint32_t *right) {
    EACH_LANE left[i] ^= lanes[i].p[0];
    _Pragma("GCC unroll 8") for (int round = 1; round <= 15; round += 2) {
        EACH_LANE right[i] ^= lanes[i].p[round];
        EACH_LANE right[i] ^= f(lanes[i].s, left[i]);
        EACH_LANE left[i] ^= lanes[i].p[round + 1];
        EACH_LANE left[i] ^= f(lanes[i].s, right[i]);
    }
    EACH_LANE {
        uint32_t swapped = left[i];
        left[i] = right[i] ^ lanes[i].p[17];
        right[i] = swapped;
    }
}

/* Blowfish's key schedule: encrypt zero again and again; each result replaces the next two words of p, then of s. */
ALWAYS_INLINE void expand(struct lane *lanes, int count, enum material which) {
    uint32_t left[LANES] = {0}, right[LANES] = {0};
    EACH_LANE for (int word = 0; word < SUBKEYS; word++) lanes[i].p[word] ^= lanes[i].mixed[which][word];
    _Pragma("GCC unroll 1") for (int word = 0; word < SUBKEYS; word += 2) {
        encrypt(lanes, count, left, right);
        EACH_LANE lanes[i].p[word] = left[i], lanes[i].p[word + 1] = right[i];
    }
    _Pragma("GCC unroll 1") for (int word = 0; word < BOXES; word += 2) {
        encrypt(lanes, count, left, right);
        EACH_LANE lanes[i].s[word] = left[i], lanes[i].s[word + 1] = right[i];
    }
}

ALWAYS_INLINE void take_steps(struct lane *lanes, int count, uint64_t steps) {
    for (uint64_t step = 0; step < steps; step++) {
        expand(lanes, count, KEY);
        expand(lanes, count, SALT);
    }
}

/* Advance the first `count` lanes, none of which has fewer steps left. */
static void advance(struct lane *lanes, int count, uint64_t steps) {
    _Static_assert(LANES == 4, "a case for each number of lanes");
    switch (count) {
    case 1: take_steps(lanes, 1, steps); break;
    case 2: take_steps(lanes, 2, steps); break;
    case 3: take_steps(lanes, 3, steps); break;
    case 4: take_steps(lanes, 4, steps); break;
    default: break;
    }
    for (int i = 0; i < count; i++) lanes[i].steps_left -= steps;
}

/* The password, with the NUL behind it while there is room, and the salt, each repeated to the length of p. */
static void repeat(struct lane *lane, const uint8_t *password, size_t length, const uint8_t *salt) {
    size_t period = length < PASSWORD_BYTES ? length + 1 : PASSWORD_BYTES;
    size_t at = 0;
    for (int word = 0; word < SUBKEYS; word++) {
        uint32_t key = 0;
        for (int byte = 0; byte < 4; byte++, at = (at + 1) % period) {
            key = key << 8 | (at < length ? password[at] : 0);
        }
        lane->mixed[KEY][word] = key;
        lane->mixed[SALT][word] = big_endian(salt + 4 * (word % 4));
    }
}

/* Set a lane up. `length` is at most PASSWORD_BYTES, `cost` from 4 to 31. */
static void begin(struct lane *lane, const uint8_t *password, size_t length, const uint8_t *salt, int cost) {
    memcpy(lane->p, BLOWFISH_PI, sizeof lane->p);
    memcpy(lane->s, BLOWFISH_PI + SUBKEYS, sizeof lane->s);
    repeat(lane, password, length, salt);
    lane->steps_left = (uint64_t)1 << cost;
    /* The first schedule mixes in both: the password as always, the salt into each block. */
    uint32_t left = 0, right = 0;
    for (int word = 0; word < SUBKEYS; word++) lane->p[word] ^= lane->mixed[KEY][word];
    for (int word = 0; word < SUBKEYS + BOXES; word += 2) {
        left ^= lane->mixed[SALT][word % 4];
        right ^= lane->mixed[SALT][word % 4 + 1];
        encrypt(lane, 1, &left, &right);
        uint32_t *filled = word < SUBKEYS ? lane->p + word : lane->s + (word - SUBKEYS);
        filled[0] = left;
        filled[1] = right;
    }
}

/* The digest of a lane that has no steps left. */
static void finish(const struct lane *lane, uint8_t digest[DIGEST_BYTES]) {
    static const uint8_t text[25] = "OrpheanBeholderScryDoubt";
    uint8_t whole[24];
    for (int block = 0; block < 24; block += 8) {
        uint32_t left = big_endian(text + block), right = big_endian(text + block + 4);
        for (int turn = 0; turn < 64; turn++) encrypt(lane, 1, &left, &right);
        for (int byte = 0; byte < 4; byte++) {
            whole[block + byte] = (uint8_t)(left >> (24 - 8 * byte));
            whole[block + 4 + byte] = (uint8_t)(right >> (24 - 8 * byte));
        }
    }
    memcpy(digest, whole, DIGEST_BYTES);
}

#endif
