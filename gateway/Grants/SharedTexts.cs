using System.Collections.Concurrent;

namespace JitGrains.Gateway.Grants;

/// <summary>
/// Texts that many grants have, each kept once and known by a number: names of actions, rules, approvers. So many at most; what comes
/// later is kept with its grant. Thread-safe.
/// </summary>
internal sealed class SharedTexts
{
    private const int Most = 20_000;

    private readonly Lock gate = new();
    private readonly ConcurrentDictionary<string, int> numbers = new(StringComparer.Ordinal);
    private readonly string[] texts = new string[Most];
    private int count;

    /// <summary>The text with this number.</summary>
    public string this[int number] => texts[number];

    /// <summary>The text's number; false where there are too many already.</summary>
    public bool TryNumber(string text, out int number)
    {
        if (numbers.TryGetValue(text, out number))
            return true;
        lock (gate)
        {
            if (numbers.TryGetValue(text, out number))
                return true;
            if (count == Most)
                return false;
            // The text is there before anybody can know its number.
            texts[number = count++] = text;
            numbers[text] = number;
            return true;
        }
    }
}
