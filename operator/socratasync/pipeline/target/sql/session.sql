-- greet --
-- Which server process serves this session (its number alone repeats on other servers, and in time), and
-- what the settings of those names are; null for one that this server does not have.
SELECT pg_backend_pid(), extract(epoch FROM pg_postmaster_start_time())::text,
       (SELECT jsonb_object_agg(name, current_setting(name, true)) FROM unnest(%(names)s::text[]) AS name)

-- served_by --
-- The server process of greet, without any parameter.
SELECT pg_backend_pid(), extract(epoch FROM pg_postmaster_start_time())::text

-- set --
-- Sets what the server knows, for the session. A setting that it does not have cannot be in the way.
SELECT set_config(key, value, false) FROM jsonb_each_text(%(settings)s::jsonb)
WHERE current_setting(key, true) IS NOT NULL

-- origin --
-- Who gave a setting its value, and the session's role and database.
SELECT source, session_user::text, current_database()::text FROM pg_settings WHERE name = %(name)s

-- forget --
-- Ends what the session set and holds, before a pooler hands the connection to somebody else.
DISCARD ALL
