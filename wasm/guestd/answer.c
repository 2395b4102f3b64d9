#include "answer.h"

#include <errno.h>

#include "failure.h"
#include "frame.h"
#include "json-writer.h"
#include "json.h"
#include "log.h"
#include "operation.h"

static void begin(struct json_writer *json, int64_t id, const char *member) {
    json_open_object(json);
    json_name(json, "id");
    json_put_integer(json, id);
    json_name(json, member);
}

void answer_run(struct json_writer *json, int64_t id, const struct json_value *request) {
    struct failure failure = {.code = "failed"};
    begin(json, id, "result");
    int error = operation_run(request, json, &failure);
    json_close_object(json);
    if (error == 0 && json->failed)
        error = fail(&failure, "failed", ENOMEM, "out of memory");
    else if (error == 0 && json->length > FRAME_MAX)
        error = fail(&failure, "failed", EMSGSIZE, "the answer is too large");
    if (error == 0)
        return;
    log_line("%s: %s", json_text(json_get(request, "op"), "?"), failure.message);
    json_writer_reset(json);
    answer_failure(json, id, &failure);
}

void answer_result(struct json_writer *json, int64_t id) {
    begin(json, id, "result");
    json_put_null(json);
    json_close_object(json);
}

void answer_failure(struct json_writer *json, int64_t id, const struct failure *failure) {
    begin(json, id, "error");
    failure_put(json, failure);
    json_close_object(json);
}
