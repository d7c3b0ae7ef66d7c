"""The notifier: from matches to messages that reached somebody, as record, decide and deliver."""
