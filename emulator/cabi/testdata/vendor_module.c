// Beside SoftHSM, a module that has a vendor's function. All of the standard is SoftHSM's.
#include <dlfcn.h>
#include <stdlib.h>

typedef unsigned long ulong_t;

ulong_t C_GetFunctionList(void **list) {
	void *softhsm = dlopen(getenv("SOFTHSM"), RTLD_NOW);
	ulong_t (*get)(void **) = (ulong_t (*)(void **))dlsym(softhsm, "C_GetFunctionList");
	return get(list);
}

ulong_t CA_CloneAsSource(ulong_t a, ulong_t b, ulong_t c, ulong_t d, ulong_t e, ulong_t f, ulong_t g, ulong_t h,
	double r, double s, double t, double u, double v, double w, double x, double y, ulong_t i) {
	int right = a == 1 && b == 2 && c == 3 && d == 4 && e == 5 && f == 6 && g == 7 && h == 8 && i == 9;
	right = right && r == 0.5 && s == 1.5 && t == 2.5 && u == 3.5 && v == 4.5 && w == 5.5 && x == 6.5 && y == 7.5;
	return right ? 0x80000123UL : 7;
}
