-- A store of revision 0003: a group that was decided, one that is due, and one that gathers.
INSERT INTO watchlists VALUES ('w');
INSERT INTO alerts (id, kind, name, watchlist, severity, state, score, created) VALUES
  ('a0', 'watchlist', 'W', 'w', 'high', 'open', 95, '2026-11-20 09:30:00.000000'),
  ('a1', 'watchlist', 'W', 'w', 'high', 'open', 95, '2026-11-20 09:30:00.000000'),
  ('a2', 'watchlist', 'W', 'w', 'high', 'open', 95, '2026-11-20 09:30:00.000000');
INSERT INTO groups VALUES
  ('done', 'desk', 'watchlist:w', 1, '2026-11-20 09:30:00.000000', '2026-11-20 09:30:00.000000', '2026-11-20 09:30:00.000000'),
  ('due', 'desk', 'watchlist:w', 0, '2026-11-20 09:30:00.000000', '2026-11-20 09:30:00.000000', NULL),
  ('gathers', 'desk', 'watchlist:w', 1, '2026-11-20 09:30:00.000000', '2026-11-20 10:00:00.000000', NULL);
INSERT INTO group_members (group_id, alert, cause) VALUES
  ('done', 'a0', 'first'), ('due', 'a1', 'first'), ('gathers', 'a2', 'first');
