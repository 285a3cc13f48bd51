#include "db/sqlite/worker.hpp"

namespace db::sqlite {

bool Queue::push(Ticket& ticket) {
    {
        const std::lock_guard lock{mutex_};
        if (stopped_) return false;
        tickets_.push_back(std::move(ticket));
    }
    wake_.notify_one();
    return true;
}

std::vector<Ticket> Queue::take(std::size_t limit) {
    std::vector<Ticket> out;
    std::unique_lock lock{mutex_};
    wake_.wait(lock, [&] { return stopped_ || !tickets_.empty(); });
    while (!tickets_.empty() && out.size() < limit) {
        out.push_back(std::move(tickets_.front()));
        tickets_.pop_front();
    }
    return out;
}

void Queue::stop() {
    {
        const std::lock_guard lock{mutex_};
        stopped_ = true;
    }
    wake_.notify_all();
}

Writer::Writer(std::unique_ptr<WriteJobs> jobs)
    : jobs_{std::move(jobs)}, thread_{[this] { run(); }} {}

Writer::~Writer() { stop(); }

void Writer::stop() {
    queue_.stop();
    if (thread_.joinable()) thread_.join();
}

void Writer::run() {
    for (;;) {
        auto batch = queue_.take(kBatchMax);
        if (batch.empty()) return;
        jobs_->run(batch);
    }
}

Readers::Readers(std::vector<std::unique_ptr<Connection>> connections) {
    for (auto& connection : connections) {
        jobs_.push_back(std::make_unique<ReadJobs>(std::move(connection)));
    }
    threads_.reserve(jobs_.size());
    for (auto& jobs : jobs_) {
        threads_.emplace_back([this, &jobs = *jobs] { run(jobs); });
    }
}

Readers::~Readers() { stop(); }

void Readers::stop() {
    queue_.stop();
    for (std::thread& thread : threads_) {
        if (thread.joinable()) thread.join();
    }
}

void Readers::run(ReadJobs& jobs) {
    for (;;) {
        auto taken = queue_.take(1);
        if (taken.empty()) return;
        jobs.run(taken.front());
    }
}

Threads::Threads(std::unique_ptr<WriteJobs> writes,
                 std::vector<std::unique_ptr<Connection>> readers)
    : writer_{std::move(writes)} {
    if (!readers.empty()) readers_ = std::make_unique<Readers>(std::move(readers));
}

bool Threads::push(Ticket& ticket) {
    return ticket.reads && readers_ ? readers_->push(ticket) : writer_.push(ticket);
}

void Threads::stop() {
    if (readers_) readers_->stop();
    writer_.stop();
    readers_.reset();
}

}  // namespace db::sqlite
