/* Two children talk with each other, both ways, through one pipe. Listing 004:522. */
#include <spork.h>
#include <stdio.h>

static int receive(spork_pipe *end, const char *who) {
    spork_value words;
    const char *text;
    int error = spork_pipe_recv(end, &words, SPORK_FOREVER);

    if (error != 0) {
        return error;
    }
    error = spork_value_get_str(&words, &text);
    if (error == 0) {
        printf("%s received: %s\n", who, text);
    }
    spork_value_free(&words);
    return error;
}

static int consume(spork_pipe *end) {
    int error = spork_pipe_send(end, spork_str("consumer's words"), SPORK_FOREVER);
    return error == 0 ? receive(end, "consumer") : error;
}
SPORK_TASK(int, consume, spork_pipe *);

static int produce(spork_pipe *end) {
    int error = receive(end, "producer");
    return error == 0 ? spork_pipe_send(end, spork_str("producer's words"), SPORK_FOREVER)
                      : error;
}
SPORK_TASK(int, produce, spork_pipe *);

static void must(int error) {
    if (error != 0) {
        fprintf(stderr, "%s\n", spork_error_detail());
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv) {
    spork_pipe *ends[2];
    spork_process *children[2];

    must(spork_init(argc, argv));
    must(spork_pipe_new(&ends[0], &ends[1], NULL));
    must(spork_process_start(&children[0], produce_call(ends[0]), NULL));
    must(spork_process_start(&children[1], consume_call(ends[1]), NULL));
    for (int i = 0; i < 2; i++) {
        must(spork_process_join(children[i], SPORK_FOREVER, NULL));
        spork_process_free(children[i]);
        spork_pipe_free(ends[i]);
    }
    printf("Main Process ended\n");
    return 0;
}
