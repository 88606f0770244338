/* SPDX-License-Identifier: MIT
 * Runs a fuzz target without libFuzzer over files, or over all files of directories: the corpus on every ./check, or one
 * finding in a debugger. */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FILE_BYTES_MAX (1u << 20)

static unsigned files_count;

static void replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = malloc(FILE_BYTES_MAX), *exact;
	size_t size;

	if (file == NULL || data == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(1);
	}
	size = fread(data, 1, FILE_BYTES_MAX, file);
	fclose(file);
	exact = malloc(size + 1); /* no room behind the bytes: a sanitizer sees every step too far */
	if (exact == NULL)
		exit(1);
	memcpy(exact + 1, data, size);
	free(data);
	fprintf(stderr, "%s\n", path);
	LLVMFuzzerTestOneInput(exact + 1, size);
	free(exact);
	files_count++;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void replay_directory(const char *path, DIR *directory)
{
	char *names[8192];
	struct dirent *entry;
	size_t count = 0;

	while ((entry = readdir(directory)) != NULL && count < sizeof(names) / sizeof(names[0]))
		if (entry->d_name[0] != '.') {
			size_t room = strlen(path) + strlen(entry->d_name) + 2;

			names[count] = malloc(room);
			if (names[count] == NULL)
				exit(1);
			snprintf(names[count++], room, "%s/%s", path, entry->d_name);
		}
	closedir(directory);
	qsort(names, count, sizeof(names[0]), by_name);
	for (size_t i = 0; i < count; i++) {
		replay_file(names[i]);
		free(names[i]);
	}
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		DIR *directory = opendir(argv[i]);

		if (directory != NULL)
			replay_directory(argv[i], directory);
		else
			replay_file(argv[i]);
	}
	printf("%u files replayed\n", files_count);
	return files_count > 0 ? 0 : 1;
}
