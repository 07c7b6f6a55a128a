#ifndef FLASH_EVENTS_H
#define FLASH_EVENTS_H

#include <stdint.h>

#define FLASH_DROPPED 0
#define FLASH_LUN_RESIZED 1
#define FLASH_LINK_RESET 2
#define FLASH_COMMAND_TIMEOUT 3

struct flash_dropped {
	uint16_t tag;
	uint16_t reserved[3];
	uint32_t count;
} __attribute__((aligned(8)));

struct flash_lun_resized {
	uint16_t tag;
	uint16_t reserved[3];
	uint32_t lun;
	uint64_t blocks;
} __attribute__((aligned(8)));

struct flash_link_reset {
	uint16_t tag;
	uint16_t reserved[3];
	uint8_t port;
	uint32_t resets;
} __attribute__((aligned(8)));

struct flash_command_timeout {
	uint16_t tag;
	uint16_t reserved[3];
	uint32_t command_tag;
	uint32_t after_ms;
} __attribute__((aligned(8)));

#endif
