#include "word_pieces.h"

#include <algorithm>

namespace bert_cpu {
namespace {

bool is_visible(char letter) { return letter > ' ' && letter < '\x7f'; }
bool is_large(char letter) { return letter >= 'A' && letter <= 'Z'; }

bool is_of_word(char letter) {
  return is_large(letter) || (letter >= 'a' && letter <= 'z') ||
         (letter >= '0' && letter <= '9');
}

}  // namespace

bool WordPieces::read(std::string_view chunk, std::vector<int32_t>& ids) const {
  if (!std::all_of(chunk.begin(), chunk.end(), is_visible)) return false;
  for (const std::string& word : own)
    if (chunk.find(word) != std::string_view::npos) return false;
  std::string text(chunk);
  if (lowers)
    for (char& letter : text)
      if (is_large(letter)) letter = static_cast<char>(letter + ('a' - 'A'));
  const std::string_view rest(text);
  for (size_t start = 0, end; start < rest.size(); start = end) {
    end = start + 1;  // A sign is a word by itself.
    if (is_of_word(rest[start]))
      while (end < rest.size() && is_of_word(rest[end])) ++end;
    read_word(rest.substr(start, end - start), ids);
  }
  return true;
}

// The longest piece of the vocabulary that it begins with, and so on with the rest. A
// word with a rest that no piece begins is unknown as a whole.
void WordPieces::read_word(std::string_view word, std::vector<int32_t>& ids) const {
  const size_t num_before = ids.size();
  std::string piece;
  for (size_t start = 0, size; start < word.size(); start += size) {
    const size_t num_prefix = start ? prefix.size() : 0;
    piece.assign(prefix, 0, num_prefix).append(word.substr(start));
    auto found = vocabulary.end();
    for (size = word.size() - start; size && word.size() <= longest; --size) {
      piece.resize(num_prefix + size);
      found = vocabulary.find(piece);
      if (found != vocabulary.end()) break;
    }
    if (found == vocabulary.end()) {
      ids.resize(num_before);
      ids.push_back(unknown);
      return;
    }
    ids.push_back(found->second);
  }
}

}  // namespace bert_cpu
