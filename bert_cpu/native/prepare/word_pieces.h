// WordPiece for ASCII, as BERT's pipeline of Hugging Face's tokenizers does it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace bert_cpu {

struct WordPieces {
  std::unordered_map<std::string, int32_t> vocabulary;
  int32_t unknown;
  std::string prefix;                   // Of a piece that goes on with a word.
  size_t longest;                       // Letters; a longer word is unknown.
  bool lowers;                          // Large letters are read as small ones.
  std::vector<std::string> own;         // Words that are looked for before all else.

  // Appends the ids of what stands between two spaces. False, and nothing is done, if
  // it has other characters than ASCII's visible ones, or a word of the tokenizer's
  // own: then the tokenizer must read it.
  bool read(std::string_view chunk, std::vector<int32_t>& ids) const;

 private:
  void read_word(std::string_view word, std::vector<int32_t>& ids) const;
};

}  // namespace bert_cpu
