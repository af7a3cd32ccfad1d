// The file of the control socket, for programs that end without C_Finalize: Go does not run
// when a program exits.
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pkcs11.h"

static struct { char path[128]; struct stat file; pid_t owner; } kept;

// epsemu_keep remembers the file that stands at path now; NULL: none.
void epsemu_keep(const char *path) {
	kept.owner = 0;
	if (path == NULL || strlen(path) >= sizeof kept.path || lstat(path, &kept.file) != 0) return;
	strcpy(kept.path, path);
	kept.owner = getpid();
}

// at_exit takes it away, if it is still that file, and not in a child that has forked.
__attribute__((destructor)) static void at_exit(void) {
	struct stat now;
	if (kept.owner == 0 || kept.owner != getpid() || lstat(kept.path, &now) != 0) return;
	if (now.st_ino == kept.file.st_ino && now.st_dev == kept.file.st_dev) unlink(kept.path);
}
