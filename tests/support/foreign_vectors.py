"""Hashes that the real tools made: Django 5.2.19, argon2-cffi 25.1.0, and Firebase's published vector.

`made_by_real_tools.py` beside this file makes and checks them: Django's by each hasher's `encode(PASSWORD, …)`, argon2's
by `PasswordHasher(…).hash(PASSWORD)`.
"""

PASSWORD = "Tr0ub4dor&3-ünïcode"
DJANGO = {
    "pbkdf2_sha256": "pbkdf2_sha256$1000$saltSalt1234567890abcd$ByL1PtTJZmHi1Jtb55NZvJaHzDMjpymQkpJHTg8iOns=",
    "pbkdf2_sha256 of the default cost": (
        "pbkdf2_sha256$1000000$saltSalt1234567890abcd$7V5ZpN44IVxiQ08jWPjssW5I0QmQ96uWFxuTxUct2RE="
    ),
    "pbkdf2_sha1": "pbkdf2_sha1$1000$saltSalt1234567890abcd$Mezfd7X13lmDdkz0GVL2/VhUDeM=",
    "argon2": (
        "argon2$argon2id$v=19$m=102400,t=2,p=8$c2FsdFNhbHQxMjM0NTY3ODkwYWJjZA$ZzruG2UXibDWsNbC2/fdfKJD6upG1xj889UH2dhRIHE"
    ),
    "scrypt": (
        "scrypt$16384$saltSalt1234567890abcd$8$5"
        "$hiEkCchsHDF5iGrmGuNlzxlvuXkVjVp1UDeJWZZzL5j89A0MSMfdZJXlnFdITv7K6dQRkqGev3BZEVA/VMt2wg=="
    ),
    "bcrypt_sha256": "bcrypt_sha256$$2b$05$2H/5U.cnJPvW3EzIUVk/F.8FozJm6zallVdxQH21J.WN1v4xdhys6",
    "bcrypt": "bcrypt$$2b$05$oGFv5wbdFX8cgfqGPBzm9e7V9hNr/qI30ZtCkDiIdO4fPvRNSrrEe",
}
ARGON2 = {
    "argon2id": "$argon2id$v=19$m=1024,t=2,p=2$AfmJYmDzTHfNQpTC5uKWnw$xWNFQgYLK+okggOhovrZYv8Qz9l1q125vwt0QVf3xuk",
    "argon2i": "$argon2i$v=19$m=1024,t=2,p=2$KlVfzYUioqKJfuLWLZAPJw$ND3A+iypceHbxJ5wZGunw/vW3Wz98fG+XnGJlvo2asc",
    "argon2d": "$argon2d$v=19$m=1024,t=2,p=2$y9ny4huvzuPqw+6LF0MMPw$8jJ1hAiAYz1GO10LTK4gQplZpMST1KfUB9gNCGbOi8A",
}
FIREBASE_PASSWORD = "user1password"
FIREBASE_SIGNER_KEY = "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA=="
FIREBASE_SEPARATOR = "Bw=="
FIREBASE_SALT = "42xEC+ixf3L2lw=="
FIREBASE_HASH = "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ=="
GOTRUE_FIREBASE = (
    f"$fbscrypt$v=1,n=14,r=8,p=1,ss={FIREBASE_SEPARATOR},sk={FIREBASE_SIGNER_KEY}${FIREBASE_SALT}${FIREBASE_HASH}"
)
