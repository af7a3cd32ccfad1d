/* A jump for each name of vendor.h, with all arguments where they were: in registers, and on
   the stack as the caller has left them. */
#include "vendor.h"

#if defined(__x86_64__)

	.hidden epsemu_vendor_places, epsemu_vendor_find
	.text
find: /* r11: the number; finds the function, in r11 */
	push %rdi
	push %rsi
	push %rdx
	push %rcx
	push %r8
	push %r9
	push %rax
	sub $128, %rsp
	movdqu %xmm0, 0(%rsp)
	movdqu %xmm1, 16(%rsp)
	movdqu %xmm2, 32(%rsp)
	movdqu %xmm3, 48(%rsp)
	movdqu %xmm4, 64(%rsp)
	movdqu %xmm5, 80(%rsp)
	movdqu %xmm6, 96(%rsp)
	movdqu %xmm7, 112(%rsp)
	mov %r11, %rdi
	call epsemu_vendor_find
	mov %rax, %r11
	movdqu 0(%rsp), %xmm0
	movdqu 16(%rsp), %xmm1
	movdqu 32(%rsp), %xmm2
	movdqu 48(%rsp), %xmm3
	movdqu 64(%rsp), %xmm4
	movdqu 80(%rsp), %xmm5
	movdqu 96(%rsp), %xmm6
	movdqu 112(%rsp), %xmm7
	add $128, %rsp
	pop %rax
	pop %r9
	pop %r8
	pop %rcx
	pop %rdx
	pop %rsi
	pop %rdi
	jmp *%r11

	.set number, 0
#define JUMP(name) \
	.globl name; .type name, @function; \
name:	mov epsemu_vendor_places+8*number(%rip), %r11; \
	test %r11, %r11; \
	jnz 1f; \
	mov $number, %r11d; \
	jmp find; \
1:	jmp *%r11; \
	.size name, .-name; \
	.set number, number+1;
	VENDOR(JUMP)

#elif defined(__aarch64__)

	.hidden epsemu_vendor_places, epsemu_vendor_find
	.text
find: /* x16: the number */
	stp x29, x30, [sp, #-224]!
	stp x0, x1, [sp, #16]
	stp x2, x3, [sp, #32]
	stp x4, x5, [sp, #48]
	stp x6, x7, [sp, #64]
	str x8, [sp, #80]
	stp q0, q1, [sp, #96]
	stp q2, q3, [sp, #128]
	stp q4, q5, [sp, #160]
	stp q6, q7, [sp, #192]
	mov x0, x16
	bl epsemu_vendor_find
	mov x16, x0
	ldp x0, x1, [sp, #16]
	ldp x2, x3, [sp, #32]
	ldp x4, x5, [sp, #48]
	ldp x6, x7, [sp, #64]
	ldr x8, [sp, #80]
	ldp q0, q1, [sp, #96]
	ldp q2, q3, [sp, #128]
	ldp q4, q5, [sp, #160]
	ldp q6, q7, [sp, #192]
	ldp x29, x30, [sp], #224
	br x16

	.set number, 0
#define JUMP(name) \
	.globl name; .type name, %function; \
name:	adrp x16, epsemu_vendor_places+8*number; \
	add x16, x16, :lo12:epsemu_vendor_places+8*number; \
	ldar x16, [x16]; \
	cbnz x16, 1f; \
	mov x16, #number; \
	b find; \
1:	br x16; \
	.size name, .-name; \
	.set number, number+1;
	VENDOR(JUMP)

#else
#error "vendor functions: no jump for this processor"
#endif

	.section .note.GNU-stack, "", %progbits
