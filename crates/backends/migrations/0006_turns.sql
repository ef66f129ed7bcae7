-- Who waits, so that accounts can take turns. The build before goes on claiming by due time alone.

CREATE INDEX jobs_turn ON jobs (state, priority, account, due_at_ms, id);
