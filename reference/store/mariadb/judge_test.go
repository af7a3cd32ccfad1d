package mariadb

import (
	"errors"
	"strings"
	"testing"
)

// TestJudge goes through what a server can be like.
func TestJudge(t *testing.T) {
	good := settings{
		"version": "10.11.18-MariaDB-0+deb12u1", "innodb_flush_log_at_trx_commit": "1",
		"log_bin": "OFF", "sync_binlog": "0", "wsrep_on": "OFF",
	}
	for _, c := range []struct {
		what  string
		other settings
		wrong []string // settings named in the error
	}{
		{"as it should be", nil, nil},
		{"the oldest that will do", settings{"version": "10.6.0-MariaDB"}, nil},
		{"a newer one", settings{"version": "11.8.2-MariaDB-log"}, nil},
		{"too old", settings{"version": "10.5.29-MariaDB"}, []string{"version"}},
		{"MySQL", settings{"version": "8.4.2"}, []string{"version"}},
		{"no version", settings{"version": ""}, []string{"version"}},
		{"log flushed once a second", settings{"innodb_flush_log_at_trx_commit": "0"}, []string{"innodb_flush_log_at_trx_commit"}},
		{"binary log synced", settings{"log_bin": "ON", "sync_binlog": "1"}, nil},
		{"binary log not synced", settings{"log_bin": "ON"}, []string{"sync_binlog"}},
		{"a good node", settings{"wsrep_on": "ON", "wsrep_local_state_comment": "Synced", "wsrep_cluster_status": "Primary"}, nil},
		{"a donor", settings{"wsrep_on": "ON", "wsrep_local_state_comment": "Donor/Desynced", "wsrep_cluster_status": "Primary"},
			[]string{"wsrep_local_state_comment"}},
		{"cut off", settings{"wsrep_on": "ON", "wsrep_local_state_comment": "Initialized", "wsrep_cluster_status": "non-Primary"},
			[]string{"wsrep_local_state_comment", "wsrep_cluster_status"}},
	} {
		s := settings{}
		for _, from := range []settings{good, c.other} {
			for k, v := range from {
				s[k] = v
			}
		}
		err := judge(s)
		if (err == nil) != (c.wrong == nil) || err != nil && !errors.Is(err, ErrSettings) {
			t.Errorf("%s: %v", c.what, err)
		}
		for _, name := range c.wrong {
			if !strings.Contains(err.Error(), name+" is ") {
				t.Errorf("%s: %v does not name %s", c.what, err, name)
			}
		}
	}
}
