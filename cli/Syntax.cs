using System.CommandLine;
using JitGrains.Identity;

namespace JitGrains.Cli;

/// <summary>Arguments and options that several commands take, checked while the line is parsed.</summary>
internal static class Syntax
{
    /// <summary>An id that begins with one of these prefixes (<c>rq_</c>). It goes into a path, so nothing else is let through.</summary>
    public static Argument<string> Id(string name, string description, params string[] prefixes)
    {
        var argument = new Argument<string>(name) { Description = description };
        argument.Validators.Add(result =>
        {
            foreach (var token in result.Tokens)
            {
                if (!IsId(token.Value, prefixes))
                    result.AddError($"'{token.Value}' is not an id: one looks like {prefixes[0]}0123456789abcdefghjkmnpqrs");
            }
        });
        return argument;
    }

    public static bool IsId(string text, params string[] prefixes) =>
        text.Length <= 64 && prefixes.Any(p => text.Length > p.Length && text.StartsWith(p, StringComparison.Ordinal) && text.AsSpan(p.Length).IndexOfAnyExcept(IdCharacters) < 0);

    private static readonly System.Buffers.SearchValues<char> IdCharacters = System.Buffers.SearchValues.Create("0123456789abcdefghijklmnopqrstuvwxyz");

    public static Option<string?> Text(string name, string description, string helpName) =>
        new(name) { Description = description, HelpName = helpName };

    /// <summary>A principal; where there is a default realm, <c>alice</c> is a user of it.</summary>
    public static bool TryParsePrincipal(string text, string? realm, out PrincipalId principal, out string problem) =>
        PrincipalId.TryParse(realm is null || text.Contains(':', StringComparison.Ordinal) ? text : "user:" + text, realm, out principal, out problem);

    /// <summary>One of a few words.</summary>
    public static Option<string?> OneOf(string name, string description, string helpName, IReadOnlyCollection<string> words)
    {
        var option = Text(name, description, helpName);
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && !words.Contains(result.Tokens[0].Value, StringComparer.Ordinal))
                result.AddError($"{name}: one of {string.Join(", ", words)}");
        });
        return option;
    }

    /// <summary>A duration of more than nothing.</summary>
    public static Option<TimeSpan?> Duration(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "10m",
        CustomParser = result =>
        {
            if (Durations.TryParse(result.Tokens[0].Value, out var duration, out var problem))
                return duration;
            result.AddError($"{name}: {problem}");
            return null;
        },
    };

    /// <summary>A whole number from 1 on.</summary>
    public static Option<int?> Count(string name, string description, int largest)
    {
        var option = new Option<int?>(name) { Description = description, HelpName = "N" };
        option.CustomParser = result =>
        {
            if (int.TryParse(result.Tokens[0].Value, System.Globalization.NumberStyles.None, null, out var count) && count >= 1 && count <= largest)
                return count;
            result.AddError($"{name}: a whole number from 1 to {largest}");
            return null;
        };
        return option;
    }
}
