using System.Globalization;
using System.Text;

namespace JitGrains.WaysTests.Fuzz;

/// <summary>
/// Makes requests that nobody thought of from those that somebody did: cuts lines of the corpus up at their joints, puts the pieces
/// together anew, and writes characters as servers may read them back. The same seed makes the same requests. Not thread-safe.
/// </summary>
internal sealed class Mutator
{
    private static readonly string[] Specials =
    [
        "/", "//", "/./", "/../", "..", ".", "%2e", "%2E", "%2f", "%5c", "\\", ";", ";a=b", "%3b", "?", "%3f", "#", "%23", "%00", "%0a", "%0d%0a", "%09", "%20", "+", "&", "%26",
        "=", "%3d", "%252e", "%252f", "%c0%ae", "%c0%af", "%ef%bc%8f", "%ef%bc%8e", "%e2%80%8b", "%c5%bf", "%c4%b1", "%", "%u002e", "\t", " ", "\r\n", "\n", "\r", "\0", "\u0080", "\u00ff", "\"", "'", ",", ":", "@", "[", "]",
        "{", "}", "|", "*", "~", "prod", "env", "private", "secret", "open", "/secret/x", "/files/private/x", "env=prod", "X-Env: prod", "\r\nX-Env: prod", "\"amount\":500", "500", "1e3", "\\u0061", "{own}",
    ];

    private readonly Random random;
    private readonly Dictionary<string, List<string>> lines;
    private readonly string[] files;

    public Mutator(int seed, IEnumerable<WaysCase> corpus)
    {
        random = new Random(seed);
        lines = corpus.GroupBy(c => c.File, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Select(c => c.Text).ToList(), StringComparer.Ordinal);
        files = [.. lines.Keys.Order(StringComparer.Ordinal)];
    }

    /// <summary>One more request.</summary>
    public WaysCase Next()
    {
        while (true)
        {
            var file = files[random.Next(files.Length)];
            var parts = Pick(file).Split(" | ");
            for (var i = random.Next(1, 4); i > 0; i--)
            {
                var part = random.Next(parts.Length);
                parts[part] = Change(parts[part], file);
            }

            var made = new WaysCase(file, WaysCase.Escape(string.Join(" | ", parts)));
            if (made.IsWhole)
                return made;
        }
    }

    private string Pick(string file) => lines[file][random.Next(lines[file].Count)];

    private string Change(string text, string file)
    {
        var at = random.Next(text.Length + 1);
        switch (random.Next(9))
        {
            case 0 or 1:
                return text.Insert(at, Specials[random.Next(Specials.Length)]);
            case 2:
                return Replace(text, at, c => string.Create(CultureInfo.InvariantCulture, $"%{(int)c:x2}"));
            case 3:
                return Replace(text, at, c => string.Create(CultureInfo.InvariantCulture, $"%25{(int)c:X2}"));
            case 4:
                return Replace(text, at, c => (char.IsUpper(c) ? char.ToLowerInvariant(c) : char.ToUpperInvariant(c)).ToString());
            case 5:
                var end = random.Next(at, text.Length + 1);
                return text[..at] + text[end..];
            case 6:
                var until = Math.Min(text.Length, at + random.Next(1, 20));
                return text.Insert(random.Next(text.Length + 1), text[at..until]);
            case 7:
                // A piece of another line, from one of its joints on.
                var other = Pick(file);
                var joint = other.IndexOfAny(['/', '?', '&', ';', ':', ',', '"', '{', '\r', '%', '|'], random.Next(other.Length + 1));
                return joint < 0 ? other : text[..at] + other[joint..];
            default:
                return Replace(text, at, _ => ((char)random.Next(256)).ToString());
        }
    }

    private static string Replace(string text, int at, Func<char, string> with) =>
        at >= text.Length || text[at] > 255 ? text : new StringBuilder(text).Remove(at, 1).Insert(at, with(text[at])).ToString();
}
