-- Signing keys with a life: the times that their states follow from (service/domain/key_states.py).

ALTER TABLE signing_keys
    ADD COLUMN ready_at timestamptz,
    ADD COLUMN activates_at timestamptz,
    ADD COLUMN retires_at timestamptz,
    ADD COLUMN killed_at timestamptz;

UPDATE signing_keys SET activates_at = created_at;
