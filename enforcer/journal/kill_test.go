package journal

const childEnv = "TILLWARDEN_JOURNAL_CHILD"

func childMain() int { return 0 }
