-- People who may use the admin pages: named by the command alone. Without a second factor they see nothing there.
CREATE TABLE admins (
    user_id uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    granted_at timestamptz NOT NULL,
    granted_by text NOT NULL                        -- as the audit trail names the operator
);
