using System.Globalization;
using JitGrains.Identity;
using JitGrains.Runtime.Engine;
using Microsoft.AspNetCore.Http;

namespace JitGrains.Silo.ControlPlane;

/// <summary>
/// A query read parameter by parameter; as strict as <see cref="BodyFields"/>. A parameter without a value counts as not
/// given. For one request; not thread-safe.
/// </summary>
internal sealed class QueryFields
{
    private readonly Dictionary<string, string> unread = new(StringComparer.Ordinal);
    private Problem? problem;

    public QueryFields(HttpRequest request)
    {
        foreach (var (name, values) in request.Query)
        {
            if (values.Count > 1)
                Wrong(name, "The parameter is there more than once.");
            unread[name] = values.ToString();
        }
    }

    public string? Text(string name, int maxLength = 256)
    {
        if (Take(name) is not { } text)
            return null;
        if (text.Length <= maxLength && SafeText.IsSafeSentence(text))
            return text;
        Wrong(name, $"{name} has at most {maxLength} characters, none of them a control character.");
        return null;
    }

    public T? Choice<T>(string name)
        where T : struct, Enum
    {
        if (Take(name) is not { } text)
            return null;
        if (Choices<T>.ByName.TryGetValue(text, out var choice))
            return choice;
        Wrong(name, $"{name} is one of {Choices<T>.Names}.");
        return null;
    }

    public bool Flag(string name)
    {
        if (Take(name) is not { } text)
            return false;
        if (text is not ("true" or "false"))
            Wrong(name, $"{name} is true or false.");
        return text == "true";
    }

    public PrincipalId? Principal(string name)
    {
        if (Take(name) is not { } text)
            return null;
        if (PrincipalId.TryParse(text, null, out var id, out var wrong))
            return id;
        Wrong(name, $"{name}: {wrong}.");
        return null;
    }

    public string? Id(string name, string prefix)
    {
        if (Take(name) is not { } text)
            return null;
        if (IdFormat.IsId(text, prefix))
            return text;
        Wrong(name, $"{name} is an id that begins with {prefix}");
        return null;
    }

    public DateTimeOffset? Time(string name)
    {
        if (Take(name) is not { } text)
            return null;
        if (DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time))
            return time;
        Wrong(name, $"{name} is a time such as 2030-01-31T12:00:00Z.");
        return null;
    }

    public long? Number(string name, long least, long most)
    {
        if (Take(name) is not { } text)
            return null;
        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most)
            return number;
        Wrong(name, $"{name} is a whole number from {least} to {most}.");
        return null;
    }

    public int Limit() => (int)(Number("limit", 1, PageLimits.Max) ?? PageLimits.Default);

    public void Wrong(string name, string detail) => problem ??= Problems.BadRequest(name.Length <= 64 && SafeText.IsSafeSentence(name) ? name : "query", detail);

    public Problem? Finish()
    {
        if (problem is null && unread.Keys.Order(StringComparer.Ordinal).FirstOrDefault() is { } unknown)
            Wrong(unknown, "There is no such parameter.");
        return problem;
    }

    private string? Take(string name) => unread.Remove(name, out var text) && text.Length > 0 ? text : null;
}
