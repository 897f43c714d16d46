-- Create the database of one service and the role that may use it. The role creates its tables itself. It cannot
-- connect to any other database. Run this as a superuser, once per service, and again to change the password:
--
--   PASSWORD=… psql -X -v ON_ERROR_STOP=1 -v service=catalog -f mesh/kubernetes/database.sql postgres
--
-- The password comes from the environment, because all users of the machine can see a command line.
\set given `echo "$PASSWORD"`

SELECT format('CREATE ROLE %I', :'service') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'service') \gexec
ALTER ROLE :"service" WITH LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'given';

-- With the locale C, texts are compared byte by byte, as in SQLite. So lists have the same order on both, and no index
-- depends on the version of the system's locales.
SELECT format('CREATE DATABASE %I TEMPLATE template0 ENCODING ''UTF8'' LC_COLLATE ''C'' LC_CTYPE ''C''', :'service')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'service') \gexec

-- By default PostgreSQL allows all roles to connect to a new database, and to these two.
REVOKE ALL ON DATABASE :"service", postgres, template1 FROM PUBLIC;
GRANT CONNECT ON DATABASE :"service" TO :"service";

\connect :"service"
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO :"service";
