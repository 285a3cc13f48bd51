// The program of simulated worlds is one thread and short-lived: it needs neither the locks of SQLite nor
// an allocator that gives anything back. What it computes is the same without this file.

#include <malloc.h>
#include <sqlite3.h>
#include <sys/epoll.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

namespace {

//! Blocks of a few sizes, each with its size class before it; what is freed is given out again, last
//! first.
class Blocks {
  public:
    void* take(std::size_t size) {
        const std::size_t number = class_of(size);
        if (number >= kClasses) return large(size);
        Free* found = free_[number];
        if (found == nullptr) return fresh(number);
        free_[number] = found->next;
        return found;
    }
    void give(void* block) {
        if (block == nullptr) return;
        Head* head = head_of(block);
        if (head->number >= kClasses) {
            std::free(head);
            return;
        }
        auto* freed = static_cast<Free*>(block);
        freed->next = free_[head->number];
        free_[head->number] = freed;
    }
    static std::size_t size_of(void* block) { return head_of(block)->size; }
    static std::size_t rounded(std::size_t size) {
        const std::size_t number = class_of(size);
        return number < kClasses ? size_of_class(number) : size;
    }

  private:
    struct alignas(16) Head {
        std::size_t size;
        std::size_t number;
    };
    struct Free {
        Free* next;
    };

    // Steps of 16 bytes up to 1 KiB, then four to each doubling up to 256 KiB.
    static constexpr std::size_t kStep = 16;
    static constexpr std::size_t kFine = 64;
    static constexpr std::size_t kFineMax = kStep * kFine;
    static constexpr std::size_t kFineBits = 10;
    static constexpr std::size_t kClasses = kFine + 8 * 4;
    static constexpr std::size_t kChunk = std::size_t{1} << 20U;

    static std::size_t class_of(std::size_t size) {
        if (size <= kFineMax) return size == 0 ? 0 : (size - 1) / kStep;
        const std::size_t last = size - 1;
        const auto bits = static_cast<std::size_t>(std::bit_width(last)) - 1;
        return kFine + (bits - kFineBits) * 4 + ((last >> (bits - 2)) & 3U);
    }
    static std::size_t size_of_class(std::size_t number) {
        if (number < kFine) return (number + 1) * kStep;
        const std::size_t bits = (number - kFine) / 4 + kFineBits;
        return (std::size_t{1} << bits) + (((number - kFine) % 4 + 1) << (bits - 2));
    }
    static Head* head_of(void* block) { return static_cast<Head*>(block) - 1; }

    static void* large(std::size_t size) {
        auto* head = static_cast<Head*>(std::malloc(size + sizeof(Head)));
        if (head == nullptr) return nullptr;
        *head = {size, kClasses};
        return head + 1;
    }
    void* fresh(std::size_t number) {
        const std::size_t size = size_of_class(number);
        const std::size_t wanted = size + sizeof(Head);
        if (left_ < wanted) {
            chunk_ = static_cast<std::byte*>(std::malloc(kChunk));
            if (chunk_ == nullptr) return nullptr;
            left_ = kChunk;
        }
        auto* head = new (chunk_) Head{size, number};
        chunk_ += wanted;
        left_ -= wanted;
        return head + 1;
    }

    std::array<Free*, kClasses> free_{};
    std::byte* chunk_ = nullptr;
    std::size_t left_ = 0;
};

constinit Blocks g_blocks;

int start(void*) { return SQLITE_OK; }
void stop(void*) {}
void* take(int size) { return g_blocks.take(static_cast<std::size_t>(size)); }
void give(void* block) { g_blocks.give(block); }
int size_of(void* block) { return static_cast<int>(Blocks::size_of(block)); }
int rounded(int size) { return static_cast<int>(Blocks::rounded(static_cast<std::size_t>(size))); }

void* resize(void* block, int size) {
    const std::size_t has = Blocks::size_of(block);
    if (has >= static_cast<std::size_t>(size)) return block;
    void* out = take(size);
    if (out == nullptr) return nullptr;
    std::memcpy(out, block, has);
    give(block);
    return out;
}

//! What is large, files above all, is kept too when it is freed: pages from the kernel are dear.
constexpr int kKeptAtMost = 1 << 30;

//! Before the first disk of a world wakes SQLite.
const bool g_is_set_up = [] {
    static const sqlite3_mem_methods kCalls{take, give, resize, size_of, rounded, start, stop, nullptr};
    return mallopt(M_MMAP_THRESHOLD, kKeptAtMost) == 1 &&
           mallopt(M_TRIM_THRESHOLD, kKeptAtMost) == 1 &&
           sqlite3_config(SQLITE_CONFIG_SINGLETHREAD) == SQLITE_OK &&
           sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) == SQLITE_OK &&
           sqlite3_config(SQLITE_CONFIG_MALLOC, &kCalls) == SQLITE_OK;
}();

}  // namespace

//! Asked by the loop in every round. Nothing comes from outside a world, and nobody in it waits by the
//! machine's time.
extern "C" int epoll_wait(int, epoll_event*, int, int) { return 0; }

void* operator new(std::size_t size) {
    if (void* block = g_blocks.take(size)) return block;
    throw std::bad_alloc{};
}
void* operator new[](std::size_t size) { return ::operator new(size); }
void operator delete(void* block) noexcept { g_blocks.give(block); }
void operator delete[](void* block) noexcept { g_blocks.give(block); }
void operator delete(void* block, std::size_t) noexcept { g_blocks.give(block); }
void operator delete[](void* block, std::size_t) noexcept { g_blocks.give(block); }
