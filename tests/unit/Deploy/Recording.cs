using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Primitives;

namespace JitGrains.UnitTests.Deploy;

/// <summary>A configuration that takes note of what it was asked for: what is given and never asked for is no setting.</summary>
internal sealed class Recording(IConfigurationSection inner, HashSet<string> asked) : IConfigurationSection
{
    public string Key => inner.Key;

    public string Path => inner.Path;

    public string? Value
    {
        get
        {
            asked.Add(inner.Path);
            return inner.Value;
        }

        set => inner.Value = value;
    }

    public string? this[string key]
    {
        get => GetSection(key).Value;
        set => inner[key] = value;
    }

    public IConfigurationSection GetSection(string key) => new Recording(inner.GetSection(key), asked);

    public IEnumerable<IConfigurationSection> GetChildren() => inner.GetChildren().Select(c => new Recording(c, asked));

    public IChangeToken GetReloadToken() => inner.GetReloadToken();
}
