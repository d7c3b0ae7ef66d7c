-- A store of revision 0001: a message that is owed.
INSERT INTO alerts (id, kind, name, severity, state, score, created) VALUES
  ('a1', 'operations', 'source failing', 'high', 'open', 0, '2026-11-20 09:30:00.000000');
INSERT INTO notifications
  (id, receiver, channel, destination, cause, about, state, attempts, not_before, created, owed_since) VALUES
  ('n1', 'desk', 'email', 'desk@example.org', 'first', 'a1', 'pending', 0,
   '2026-11-20 09:30:00.000000', '2026-11-20 09:30:00.000000', '2026-11-20 09:30:00.000000');
INSERT INTO told VALUES ('n1', 'a1');
