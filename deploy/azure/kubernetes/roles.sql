-- The database and who comes to it (docs/operations.md, Logins): run by the server's administrator, who is no superuser, before
-- every deployment. What is there stays; passwords become those of the vault.
\set ON_ERROR_STOP on
\getenv owner_password OWNER_PASSWORD
\getenv silo_password SILO_PASSWORD
\getenv gateway_password GATEWAY_PASSWORD

-- The owner changes the schema and nothing else: unlike there, it need not create roles, which all are made here.
SELECT format('CREATE ROLE %I LOGIN', name) FROM unnest(ARRAY['jitgrains_owner', 'silo', 'gateway']) AS name
    WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
SELECT format('CREATE ROLE %I NOLOGIN', name) FROM unnest(ARRAY['jitgrains_silo', 'jitgrains_gateway']) AS name
    WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
ALTER ROLE jitgrains_owner PASSWORD :'owner_password';
ALTER ROLE silo PASSWORD :'silo_password';
ALTER ROLE gateway PASSWORD :'gateway_password';
GRANT jitgrains_silo TO silo;
GRANT jitgrains_gateway TO gateway;

-- Only who is a member of the owner may make a database for it.
GRANT jitgrains_owner TO CURRENT_USER;
SELECT 'CREATE DATABASE jitgrains OWNER jitgrains_owner' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'jitgrains') \gexec
REVOKE ALL ON DATABASE jitgrains FROM PUBLIC;
GRANT CONNECT ON DATABASE jitgrains TO jitgrains_silo, jitgrains_gateway;
