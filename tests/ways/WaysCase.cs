using System.Globalization;
using System.Text;

namespace JitGrains.WaysTests;

/// <summary>
/// A request of the corpus. One is a line of a file; which file says what the line is (README.md). In all of them <c>\r \n \t \0 \\</c> and
/// <c>\xNN</c> stand for bytes, and a line that begins with <c>+</c> must reach the upstream.
/// </summary>
/// <param name="File">The file it stands in: what its text is.</param>
/// <param name="Line">The line as written.</param>
internal sealed record WaysCase(string File, string Line)
{
    /// <summary>The files of the corpus.</summary>
    public static readonly IReadOnlyList<string> Files = ["targets", "queries", "headers", "bodies", "messages", "http2", Found];

    /// <summary>The file of what was found: each line begins with the name of the file whose kind it is of.</summary>
    public const string Found = "found";

    /// <summary>Whether it is an ordinary request, which has to come through.</summary>
    public bool MustPass => Line.StartsWith("+ ", StringComparison.Ordinal);

    /// <summary>Its headers, pseudo-headers first, where it is a request over HTTP/2.</summary>
    public IReadOnlyList<(string Name, string Value)>? Http2
    {
        get
        {
            if (File != "http2")
                return null;
            return [.. Text.Split(" ~ ")[0].Split(" | ").Select(h =>
            {
                var at = h.IndexOf('=', StringComparison.Ordinal);
                return (h[..at], h[(at + 1)..]);
            })];
        }
    }

    /// <summary>The body of a request over HTTP/2.</summary>
    public string Body => File == "http2" && Text.Split(" ~ ") is [_, var body] ? body : "";

    /// <summary>What the line says, without escapes.</summary>
    public string Text => Unescape(MustPass ? Line[2..] : Line);

    /// <summary>Whether the line can be sent as what its file says. One made by chance may lack a part, or read as a comment.</summary>
    public bool IsWhole => Line.Length > 0 && !Line.StartsWith('+') && !Line.StartsWith('#') && File switch
    {
        "headers" or "bodies" => Text.Split(" | ", 2).Length == 2,
        "http2" => Text.Split(" ~ ")[0].Split(" | ").All(h => h.Contains('=', StringComparison.Ordinal)),
        _ => true,
    };

    /// <summary>The request as sent.</summary>
    public byte[] Bytes(string token, string name)
    {
        var own = $"Authorization: Bearer {token}\r\nX-Case: {name}\r\n";
        return Encoding.Latin1.GetBytes(File switch
        {
            // METHOD TARGET
            "targets" or "queries" => $"{Text} HTTP/1.1\r\nHost: api.test\r\n{own}Connection: close\r\n{(Text.StartsWith("POST", StringComparison.Ordinal) ? "Content-Length: 0\r\n" : "")}\r\n",
            // METHOD TARGET | header lines
            "headers" => Parts(2) is var p ? $"{p[0]} HTTP/1.1\r\nHost: api.test\r\n{own}{p[1]}\r\nConnection: close\r\n\r\n" : "",
            // Media type | body
            "bodies" => Parts(2) is var b ? $"POST /orders/42/refunds HTTP/1.1\r\nHost: api.test\r\n{own}Connection: close\r\n{b[0]}\r\nContent-Length: {b[1].Length}\r\n\r\n{b[1]}" : "",
            // The whole request, with {own} where its token belongs
            _ => Text.Replace("{own}", own, StringComparison.Ordinal),
        });
    }

    /// <summary>Every case there is.</summary>
    public static IReadOnlyList<WaysCase> ReadAll() => [.. Files.SelectMany(Read)];

    /// <summary>Every case of a file.</summary>
    public static IReadOnlyList<WaysCase> Read(string file) =>
        [.. System.IO.File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Corpus", file + ".txt"), Encoding.UTF8)
            .Where(l => l.Length > 0 && !l.StartsWith("# ", StringComparison.Ordinal)).Select(l => file == Found ? Of(l) : new WaysCase(file, l))];

    private static WaysCase Of(string found) => found.Split(": ", 2) is [var kind, var line] ? new WaysCase(kind, line) : throw new FormatException($"'{found}' says no file.");

    /// <summary>A text in which bytes that would not be seen stand as escapes.</summary>
    public static string Escape(string text)
    {
        var escaped = new StringBuilder();
        foreach (var c in text)
        {
            escaped.Append(c switch
            {
                '\\' => "\\\\",
                '\r' => "\\r",
                '\n' => "\\n",
                '\t' => "\\t",
                < ' ' or > '~' => string.Create(CultureInfo.InvariantCulture, $"\\x{(int)c:x2}"),
                _ => c.ToString(),
            });
        }

        return escaped.ToString();
    }

    private static string Unescape(string text)
    {
        var plain = new StringBuilder();
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] != '\\')
            {
                plain.Append(text[i]);
                continue;
            }

            var kind = text[++i];
            if (kind == 'x')
            {
                plain.Append((char)int.Parse(text.AsSpan(i + 1, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture));
                i += 2;
            }
            else
            {
                plain.Append(kind switch { 'r' => '\r', 'n' => '\n', 't' => '\t', '0' => '\0', _ => kind });
            }
        }

        return plain.ToString();
    }

    private string[] Parts(int count) => Text.Split(" | ", count) is { Length: var n } parts && n == count ? parts : throw new FormatException($"{File}: '{Line}' has not {count} parts.");
}
