-- A store of revision 0005: an alert that was told to the desk and waits for the night's morning, as an older monitor
-- recorded it, whose matches do not say what was watched for.
INSERT INTO watchlists VALUES ('tartus');
INSERT INTO stories (id, watchlist, first_seen, last_seen, articles) VALUES
  ('s1', 'tartus', '2026-11-20 08:30:00.000000', '2026-11-20 08:30:00.000000', 1);
INSERT INTO alerts (id, kind, name, watchlist, story, severity, state, score, created) VALUES
  ('x', 'watchlist', 'Tartus', 'tartus', 's1', 'medium', 'open', 95, '2026-11-20 08:30:00.000000');
INSERT INTO matches (watchlist, article, content_hash, story, alert, reason, recorded_at, payload) VALUES
  ('tartus', 'a', 'v1', 's1', 'x', 'told', '2026-11-20 08:30:00.000000',
   '{"watchlist":{"id":"tartus","name":"Tartus","severity":"medium","status":"live","revision":"r1"},"article":{"id":"a","source":"one","title":"وصول سفينة إلى ميناء طرطوس","content_hash":"v1","first_seen":"2026-11-20T08:30:00Z","tier":1,"revision":1},"score":95,"evidence":[{"clause":"طرطوس","field":"title","text":"طرطوس","start":21,"end":26,"how":"exact","quote":"وصول سفينة إلى ميناء طرطوس","quote_start":0,"mentions":[{"term":"طرطوس","text":"طرطوس","start":21,"end":26,"how":"exact"}]}],"matched_at":"2026-11-20T08:30:00Z"}');
INSERT INTO tellings (alert, cause, receiver, "key", since, opened, closes, look_at, reason, until, message, ended_at) VALUES
  ('x', 'first', 'desk', 'watchlist watchlist=tartus', '2026-11-20 08:30:00.000000', '2026-11-20 08:30:00.000000', NULL,
   '2026-11-20 08:30:00.000000', 'told', NULL, 'm1', '2026-11-20 08:30:00.000000'),
  ('x', 'first', 'night', 'watchlist watchlist=tartus', '2026-11-20 08:30:00.000000', '2026-11-20 08:30:00.000000', NULL,
   '2026-11-20 12:00:00.000000', 'quiet hours', '2026-11-20 12:00:00.000000', NULL, NULL);
