package token

import "testing"

// A private object is for the user alone, even in the moment in which a logout
// has not taken it away yet.
func TestPrivateObjectsAreSeenByTheUser(t *testing.T) {
	sl := &slot{}
	for _, c := range []struct {
		who             role
		public, private bool
	}{{nobody, true, false}, {user, true, true}, {securityOfficer, true, false}} {
		sl.setRole(c.who)
		if got := sl.sees(&object{slot: sl, flags: fPrivate}); got != c.private {
			t.Errorf("role %d sees a private object: %v", c.who, got)
		}
		if got := sl.sees(&object{slot: sl}); got != c.public {
			t.Errorf("role %d sees a public object: %v", c.who, got)
		}
	}
	if sl.sees(&object{slot: &slot{}}) {
		t.Error("an object of another token is seen")
	}
}
