#include "process-channel.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "failure.h"
#include "json-writer.h"
#include "json.h"
#include "log.h"
#include "process-input.h"
#include "process-output.h"
#include "process.h"
#include "stream.h"

static int on_frame(void *owner, const struct frame *frame) {
    struct process *process = owner;
    if (frame->kind == FRAME_STDIN && !process->input_ended)
        return (int)process_input_write(process, frame->payload, frame->length);
    if (frame->kind != FRAME_STDIN_END || process->input_ended)
        return -EPROTO;
    process->input_ended = true;
    process_input_end(process);
    return 0;
}

static void on_drained(void *owner) {
    process_output_update(owner);
}

/* After `stdin-end` the host has nothing more to say; before, it has left. */
static bool on_ended(void *owner) {
    const struct process *process = owner;
    return process->input_ended;
}

static void on_closed(void *owner) {
    process_detach(owner);
}

static const struct stream_handler handler = {
    .frame = on_frame, .drained = on_drained, .ended = on_ended, .closed = on_closed};

static void put_offsets(struct json_writer *json, uint64_t out, uint64_t error) {
    json_name(json, "offsets");
    json_open_object(json);
    json_name(json, "stdout");
    json_put_unsigned(json, out);
    json_name(json, "stderr");
    json_put_unsigned(json, error);
    json_close_object(json);
}

/* Send a frame of JSON and free it. */
static void send(struct stream *stream, uint8_t kind, struct json_writer *json) {
    if (json->failed)
        stream_close(stream);
    else
        stream_send(stream, kind, json->text, json->length);
    json_writer_free(json);
}

static void send_failed(struct stream *stream, const struct failure *failure) {
    struct json_writer json = {0};
    json_open_object(&json);
    json_name(&json, "code");
    json_put_text(&json, failure->code);
    json_name(&json, "message");
    json_put_text(&json, failure->message);
    json_close_object(&json);
    send(stream, FRAME_FAILED, &json);
}

void process_channel_failed(struct process *process) {
    log_line("%.12s %s: not started: %s", process->container, process->name, process->failure.message);
    send_failed(process->stream, &process->failure);
}

void process_channel_started(struct process *process) {
    struct json_writer json = {0};
    json_open_object(&json);
    json_name(&json, "pid");
    json_put_integer(&json, process->spawned.pid);
    put_offsets(&json, 0, 0);
    json_name(&json, "timings");
    json_open_object(&json);
    const volatile struct timings *timings = process->spawned.timings;
    const struct {
        const char *name;
        uint32_t microseconds;
    } stages[] = {{"spawn", process->spawn_time}, {"cgroup", timings->cgroup},   {"clone", timings->clone},
                  {"rootfs", timings->rootfs},    {"mounts", timings->mounts},   {"process", timings->process},
                  {"exec", process->exec_time}};
    for (size_t index = 0; index < sizeof stages / sizeof *stages; index++) {
        json_name(&json, stages[index].name);
        json_put_unsigned(&json, stages[index].microseconds);
    }
    json_close_object(&json);
    json_close_object(&json);
    stream_send(process->stream, FRAME_STARTED, json.text, json.length);
    json_writer_free(&json);
    process_output_update(process);
    stream_resume(process->stream);
}

void process_channel_exited(struct process *process) {
    struct json_writer json = {0};
    json_open_object(&json);
    json_name(&json, "code");
    json_put_unsigned(&json, process->exit_code);
    json_name(&json, "oomKilled");
    json_put_boolean(&json, process->oom_killed);
    json_close_object(&json);
    stream_send(process->stream, FRAME_EXITED, json.text, json.length);
    json_writer_free(&json);
}

/* Take a process up where the host left it. */
static int attach(struct stream *stream, const struct json_value *open, struct failure *failure) {
    struct process *process = process_refer(json_get(open, "process"), failure);
    if (process == NULL)
        return -ENOENT;
    if (process->state < PROCESS_RUNNING)
        return fail(failure, "not-running", EAGAIN, "it is being started");
    const struct json_value *offsets = json_get(open, "offsets");
    const char *const names[2] = {"stdout", "stderr"};
    uint64_t from[2];
    for (int index = 0; index < 2; index++) {
        const struct output *output = &process->outputs[index];
        from[index] = json_unsigned(json_get(offsets, names[index]), 0);
        if (from[index] > output->total)
            return fail(failure, "invalid", EINVAL, "offset beyond what %s has sent", names[index]);
        if (from[index] < process_output_kept(output))
            from[index] = process_output_kept(output);
    }
    if (process->stream != NULL)
        stream_close(process->stream);
    process->stream = stream;
    process->exited_sent = process->input_ended = false;
    loop_watch(&process->input, 0);
    stream_hand_over(stream, &handler, process);
    struct json_writer json = {0};
    json_open_object(&json);
    json_name(&json, "pid");
    json_put_integer(&json, process->spawned.pid);
    put_offsets(&json, from[0], from[1]);
    json_close_object(&json);
    stream_send(stream, FRAME_STARTED, json.text, json.length);
    json_writer_free(&json);
    process_output_replay(&process->outputs[0], from[0]);
    process_output_replay(&process->outputs[1], from[1]);
    process_output_update(process);
    process_settle(process);
    return 0;
}

static int spawn(struct process *process, pid_t init, const struct json_value *open, struct failure *failure) {
    if (process->kind == PROCESS_CONTAINER)
        return runtime_run(open, &process->spawned, failure);
    if (process->kind == PROCESS_EXEC)
        return runtime_exec(open, init, &process->spawned, failure);
    return runtime_run_host(open, &process->spawned, failure);
}

static int start(struct stream *stream, enum process_kind kind, const struct json_value *open,
                 struct failure *failure) {
    const char *container = kind == PROCESS_HOST ? "" : json_text(json_get(open, "container"), "");
    const char *member = kind == PROCESS_HOST ? "host" : "exec";
    const char *name = kind == PROCESS_CONTAINER ? "" : json_text(json_get(open, member), "");
    if (kind != PROCESS_HOST && !process_container_valid(container))
        return fail(failure, "invalid", EINVAL, "a container's id is 64 hex characters");
    if (kind != PROCESS_CONTAINER && !process_id_valid(name))
        return fail(failure, "invalid", EINVAL, "no valid id of %s", member);
    const struct process *init = process_find(PROCESS_CONTAINER, container, "");
    if (kind == PROCESS_EXEC && init == NULL)
        return fail(failure, "no-container", ENOENT, "no such container: %s", container);
    if (kind == PROCESS_EXEC && init->state != PROCESS_RUNNING)
        return fail(failure, "not-running", ESRCH, "container %s is not running", container);
    if (process_find(kind, container, name) != NULL)
        return fail(failure, "exists", EEXIST, "there is one of that name already");
    struct process *process = process_new(kind, container, name);
    if (process == NULL)
        return fail(failure, "failed", ENOMEM, "out of memory");
    log_line("start %.12s %s request %s", container, name, json_text(json_get(open, "requestId"), "-"));
    const int error = spawn(process, init == NULL ? -1 : init->spawned.pid, open, failure);
    if (error < 0) {
        process_drop(process);
        return error;
    }
    process->stream = stream;
    stream_hand_over(stream, &handler, process);
    stream_pause(stream); /* stdin may follow at once, and waits for its reader */
    process_watch(process);
    return 0;
}

int process_channel_open(struct stream *stream, const struct json_value *open) {
    struct failure failure = {.code = "failed"};
    const char *op = json_text(json_get(open, "op"), "");
    int error = -EPROTO;
    if (strcmp(op, "run") == 0)
        error = start(stream, PROCESS_CONTAINER, open, &failure);
    else if (strcmp(op, "exec") == 0)
        error = start(stream, PROCESS_EXEC, open, &failure);
    else if (strcmp(op, "run-host") == 0)
        error = start(stream, PROCESS_HOST, open, &failure);
    else if (strcmp(op, "attach") == 0)
        error = attach(stream, open, &failure);
    else
        return -EPROTO;
    if (error < 0) {
        log_line("%s: %s", op, failure.message);
        send_failed(stream, &failure);
        stream_finish(stream);
    }
    return 0;
}
