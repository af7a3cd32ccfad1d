package personality

import "github.com/epsbench/epsbench/emulator/cryptoki"

// nothing is a module that is never called.
type nothing struct{ cryptoki.Module }
