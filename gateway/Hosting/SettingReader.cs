using System.Globalization;
using System.Net;
using JitGrains.Network;

namespace JitGrains.Gateway.Hosting;

/// <summary>Reads settings one by one and collects what is wrong, so that all of it is told at once.</summary>
internal sealed class SettingReader(IConfiguration section, ICollection<string> problems)
{
    public string? Text(string name) => string.IsNullOrWhiteSpace(section[name]) ? null : section[name];

    public bool Flag(string name, bool otherwise) =>
        Read(name, otherwise, text => bool.TryParse(text, out var value) ? value : null, "true or false");

    /// <summary>One of an enumeration's values, in any case; its first where none is given.</summary>
    public T Choice<T>(string name)
        where T : struct, Enum =>
        Read<T>(
            name,
            default,
            text => !Integer(text).HasValue && Enum.TryParse<T>(text, ignoreCase: true, out var value) ? value : null,
            string.Join(" or ", Enum.GetNames<T>().Select(n => n.ToLowerInvariant())));

    public Uri? Uri(string name)
    {
        if (Text(name) is not { } text)
            return null;
        if (System.Uri.TryCreate(text, UriKind.Absolute, out var value) && value.Scheme is "http" or "https")
            return value;
        problems.Add($"{name}: it is not an absolute http or https address.");
        return null;
    }

    public IPAddress Address(string name, IPAddress otherwise)
    {
        if (Text(name) is not { } text)
            return otherwise;
        if (IPAddress.TryParse(text, out var value))
            return value;
        problems.Add($"{name}: '{text}' is no IP address.");
        return otherwise;
    }

    public int? Port(string name) =>
        Text(name) is null ? null : Read(name, 0, text => Integer(text) is { } port && port is >= 0 and <= 65_535 ? port : null, "a port, 0 to 65535");

    public int Count(string name, int otherwise) =>
        Read(name, otherwise, text => Integer(text) is { } count && count >= 1 ? count : null, "a whole number, at least 1");

    public TimeSpan Duration(string name, TimeSpan otherwise, TimeSpan most) => Read(
        name,
        otherwise,
        text => TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out var value) && value > TimeSpan.Zero && value <= most ? value : null,
        $"a time span such as 00:00:05, more than zero and at most {most}");

    /// <summary>One of some words; the first where none is given.</summary>
    public T Word<T>(string name, params (string Word, T Value)[] words)
        where T : struct =>
        Read<T>(
            name,
            words[0].Value,
            text => words.Where(w => w.Word.Equals(text, StringComparison.OrdinalIgnoreCase)).Select(w => (T?)w.Value).FirstOrDefault(),
            string.Join(" or ", words.Select(w => w.Word)));

    /// <summary>A list of texts: <c>NAME:0</c>, <c>NAME:1</c> and so on, or one text with commas.</summary>
    public IReadOnlyList<string> List(string name) =>
        [.. section.GetSection(name).GetChildren().Select(c => c.Value ?? "").Concat((section[name] ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))];

    /// <summary>A list of networks and addresses.</summary>
    public AddressSet Networks(string name)
    {
        var networks = new List<System.Net.IPNetwork>();
        foreach (var text in List(name))
        {
            if (AddressText.TryNetwork(text, out var network, out var problem))
                networks.Add(network);
            else
                problems.Add($"{name}: '{text}' {problem}.");
        }

        return networks.Count == 0 ? AddressSet.Empty : new AddressSet(networks);
    }

    private static int? Integer(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;

    private T Read<T>(string name, T otherwise, Func<string, T?> parse, string expected)
        where T : struct
    {
        if (Text(name) is not { } text)
            return otherwise;
        if (parse(text) is { } value)
            return value;
        problems.Add($"{name}: '{text}' is not {expected}.");
        return otherwise;
    }
}
