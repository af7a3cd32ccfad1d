package store

// expected is every column of the two databases of the reference EPS, on either engine,
// and what its values are. Seed 000 §6.2-2 lists the secrets: {DBK}MK and {TRK}MK are the
// wrapped keys, ((TOK)KEK)DBK is tokens.sealed, and of the registration code there is
// codes.code_index; keystore and password do not exist.
var expected = map[string]class{
	"eps.wrapped_keys.name":    one(`DBK|TRK/[a-z0-9.-]{1,64}`),
	"eps.wrapped_keys.version": count,
	"eps.wrapped_keys.master":  one(`MK-DBK|MK-TRK`),
	"eps.wrapped_keys.wrapped": wrappedKey(40),
	"eps.wrapped_keys.created": instant,

	"eps.tokens.id":          tokenID,
	"eps.tokens.service":     service,
	"eps.tokens.user_name":   userName,
	"eps.tokens.state":       one(`pending|issued|provisioned|suspended|revoked|cancelled`),
	"eps.tokens.suite":       otpSuite,
	"eps.tokens.auth_server": service,
	"eps.tokens.format":      one(`row-kw`),
	"eps.tokens.direction":   one(`1|2`),
	"eps.tokens.tok_length":  one(`32|64`),
	"eps.tokens.c_length":    one(`32|64`),
	"eps.tokens.salt":        salt(16),
	"eps.tokens.kdf":         one(`pbkdf2-hmac-sha256`),
	"eps.tokens.iterations":  count,
	"eps.tokens.pin_digits":  one(`[4-9]|1[0-2]`),
	"eps.tokens.counter":     count,
	"eps.tokens.dbk_version": count,
	"eps.tokens.trk_version": count,
	"eps.tokens.row_version": count,
	"eps.tokens.sealed":      wrappedKey(40, 72),
	"eps.tokens.created":     instant,
	"eps.tokens.updated":     instant,
	"eps.tokens.live":        one(`1|`),

	"eps.codes.id":         count,
	"eps.codes.locator":    one(`[0-9A-HJKMNP-TV-Z]{8}`),
	"eps.codes.code_index": mac(32),
	"eps.codes.mpp":        one(`[12]`),
	"eps.codes.token":      tokenID,
	"eps.codes.service":    service,
	"eps.codes.state":      one(`live|used|killed|retired`),
	"eps.codes.failures":   count,
	"eps.codes.expires":    instant,
	"eps.codes.created":    instant,

	"eps.outbox.idempotency_key": messageKey,
	"eps.outbox.op":              one(`cancel|suspend|resume|revoke`),
	"eps.outbox.token":           tokenID,
	"eps.outbox.auth_server":     service,
	"eps.outbox.attempts":        count,
	"eps.outbox.created":         instant,

	"eps.audit_records.node":        service,
	"eps.audit_records.seq":         count,
	"eps.audit_records.group_no":    count,
	"eps.audit_records.at":          instant,
	"eps.audit_records.event":       one(`[a-z-]{1,32}`),
	"eps.audit_records.actor":       one(`[a-z-]{1,32}`),
	"eps.audit_records.token":       optionalTokenID,
	"eps.audit_records.service":     one(`[a-z0-9.-]{0,64}`),
	"eps.audit_records.row_version": count,
	"eps.audit_records.detail":      detail,

	"eps.audit_groups.node":      service,
	"eps.audit_groups.group_no":  count,
	"eps.audit_groups.first_seq": count,
	"eps.audit_groups.last_seq":  count,
	"eps.audit_groups.previous":  previousMAC(32),
	"eps.audit_groups.mac":       mac(32),

	"authserver.wrapped_keys.name":    one(`PAIRING`),
	"authserver.wrapped_keys.version": count,
	"authserver.wrapped_keys.master":  one(`PAIR`),
	"authserver.wrapped_keys.wrapped": digest(32), // of the package that was accepted
	"authserver.wrapped_keys.created": instant,

	"authserver.credentials.token":        tokenID,
	"authserver.credentials.service":      one(`[a-z0-9.-]{0,64}`), // empty: a tombstone
	"authserver.credentials.user_name":    userName,
	"authserver.credentials.state":        one(`inactive|active|suspended|locked|revoked|cancelled`),
	"authserver.credentials.suite":        otpSuite,
	"authserver.credentials.wrapped":      wrappedKey(0, 28, 32, 40, 72), // 0: gone with the token
	"authserver.credentials.tok_length":   one(`0|1[6-9]|[2-5][0-9]|6[0-4]`),
	"authserver.credentials.pin_digits":   one(`0|[4-9]|1[0-2]`),
	"authserver.credentials.counter":      count,
	"authserver.credentials.failures":     count,
	"authserver.credentials.failed_ever":  count,
	"authserver.credentials.candidates":   count,
	"authserver.credentials.imported":     one(`0|1`),
	"authserver.credentials.clock_offset": one(`-?[0-9]{1,2}`),
	"authserver.credentials.activated":    one(`0|1`),
	"authserver.credentials.version":      count,
	"authserver.credentials.format":       one(`2`),
	"authserver.credentials.mac":          mac(32),
	"authserver.credentials.pin_hash":     sealed(0, 48, 60, 92), // 0: no PIN in the suite
	"authserver.credentials.created":      instant,
	"authserver.credentials.updated":      instant,
	"authserver.credentials.live":         one(`1|`),

	"authserver.challenges.id":              tokenID,
	"authserver.challenges.token":           tokenID,
	"authserver.challenges.question":        one(`[0-9A-Za-z]{4,64}`),
	"authserver.challenges.client_question": one(`[0-9A-Za-z]{0,64}`),
	"authserver.challenges.session":         userName,
	"authserver.challenges.asked":           digest(32),
	"authserver.challenges.used":            one(`0|1`),
	"authserver.challenges.expires":         instant,
	"authserver.challenges.kept_until":      number("time", microseconds(2020), microseconds(9999)),
	"authserver.challenges.mac":             mac(32),

	"authserver.messages.idempotency_key": one(`(plugin|unlock)/[0-9A-Za-z/-]{1,110}`),
	"authserver.messages.digest":          digest(32),
	"authserver.messages.result":          one(`done|refused`),
	"authserver.messages.at":              instant,
}

// housekeeping are columns of the schema's own version, in tables that either database
// has under its own name (migrations_eps), and of the engine's counters for them.
var housekeeping = map[string]class{
	"migrations.id":         count,
	"migrations.version_id": count,
	"migrations.is_applied": one(`0|1|true`),
	"migrations.tstamp":     one(`\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?(Z| ?[+-]\d\d:?\d\d( [A-Z]+)?)?`),
	"sqlite_sequence.name":  one(`migrations_(eps|authserver)`),
	"sqlite_sequence.seq":   count,
}
